package main

import (
	"encoding/json"
	"errors"
	"time"
)

// maxBody is more than any event of Heroku's: their captures are about 2 kB.
const maxBody = 1 << 20

// release is all that an event is good for: it names the app to look at. What
// the app's config vars are, only Heroku's API says, so a delivery that is old,
// doubled or out of order does no harm.
type release struct {
	AppID, AppName string
	CreatedAt      time.Time // of the release; zero if the event does not tell
}

// parse reads a release out of an event, leniently, because Heroku may add
// fields at any time (https://devcenter.heroku.com/articles/webhook-events).
// An event of another resource is nil. Whatever a release is for and however far
// it has come, it may have changed a config var.
func parse(body []byte) (*release, error) {
	if len(body) > maxBody {
		return nil, errors.New("the body is larger than 1 MiB")
	}
	var event struct {
		Resource string          `json:"resource"`
		Data     json.RawMessage `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil || event.Resource == "" {
		return nil, errors.New("the body is no webhook event")
	}
	if event.Resource != "release" {
		return nil, nil
	}
	var data struct {
		App       struct{ ID, Name string } `json:"app"`
		CreatedAt json.RawMessage           `json:"created_at"`
	}
	if json.Unmarshal(event.Data, &data) != nil || data.App.ID == "" && data.App.Name == "" {
		return nil, errors.New("the release event names no app")
	}
	r := &release{AppID: data.App.ID, AppName: data.App.Name}
	if json.Unmarshal(data.CreatedAt, &r.CreatedAt) != nil {
		r.CreatedAt = time.Time{}
	}
	return r, nil
}
