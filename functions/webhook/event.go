package main

import (
	"encoding/json"
	"errors"
	"time"
)

// maxBody is far more than an event of Heroku's needs: captured events have about 2 kB.
const maxBody = 1 << 20

// release is the part of an event that is used: it names the app to update. The values
// of config vars always come from Heroku's API, so a delivery that is old, doubled or
// out of order does no harm.
type release struct {
	AppID, AppName string
	CreatedAt      time.Time // of the release; zero if the event does not have it
}

// parse returns the release of an event, or nil for an event of another resource. It
// fails if the body is too large, is no event, or names no app. It ignores unknown
// fields, because Heroku may add fields at any time
// (https://devcenter.heroku.com/articles/webhook-events). It accepts releases of every
// kind and status: each may have changed a config var.
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
