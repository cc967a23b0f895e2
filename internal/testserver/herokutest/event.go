package herokutest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// releaseEntity is the entity that a subscription includes to receive events of
// releases. The server has no other events.
const releaseEntity = "api:release"

// An event is the body of a delivery. Its fields, and those of its release, are those of
// a capture of May 2025, which is a public fixture of zulip
// (zerver/webhooks/heroku/fixtures/release_create.json).
type event struct {
	ID           string       `json:"id"`
	Data         eventRelease `json:"data"`
	Actor        account      `json:"actor"`
	Action       string       `json:"action"`
	Version      string       `json:"version"`
	Resource     string       `json:"resource"`
	Sequence     *int         `json:"sequence"`
	CreatedAt    stamp        `json:"created_at"`
	UpdatedAt    stamp        `json:"updated_at"`
	PublishedAt  time.Time    `json:"published_at"`
	PreviousData struct{}     `json:"previous_data"`
	Metadata     metadata     `json:"webhook_metadata"`
}

// An eventRelease is a release as events show it, with more fields than in the API and
// without config vars. Its App replaces the release's own.
type eventRelease struct {
	release
	App                 eventApp   `json:"app"`
	Artifacts           []struct{} `json:"artifacts"`
	EligibleForRollback bool       `json:"eligible_for_rollback"`
	PSTable             struct{}   `json:"pstable"`
	Stack               string     `json:"stack"`
}

type eventApp struct {
	identity
	ProcessTier string `json:"process_tier"`
}

// A metadata names the event again, and the delivery's attempt.
type metadata struct {
	Attempt  object   `json:"attempt"`
	Delivery object   `json:"delivery"`
	Event    eventRef `json:"event"`
	Webhook  object   `json:"webhook"`
}

type object struct {
	ID string `json:"id"`
}

type eventRef struct {
	ID      string `json:"id"`
	Include string `json:"include"`
}

// A stamp is a time with exactly six decimals.
type stamp time.Time

// MarshalJSON writes the time as webhook events have it.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(time.Time(s).UTC().Format(`"2006-01-02T15:04:05.000000Z"`)), nil
}

func newEvent(action string, r release) event {
	now := time.Now()
	id := newID()
	return event{
		ID:          id,
		Data:        eventRelease{release: r, App: eventApp{r.App, "basic"}, Artifacts: []struct{}{}, Stack: "heroku-24"},
		Actor:       r.User,
		Action:      action,
		Version:     "application/vnd.heroku+json; version=3",
		Resource:    "release",
		CreatedAt:   stamp(now),
		UpdatedAt:   stamp(now),
		PublishedAt: seconds(now),
		Metadata:    metadata{Event: eventRef{id, releaseEntity}},
	}
}

// body returns the event as one attempt of one delivery sends it.
func (e event) body(webhook, delivery, attempt string) []byte {
	e.Metadata.Webhook.ID, e.Metadata.Delivery.ID, e.Metadata.Attempt.ID = webhook, delivery, attempt
	body, err := json.Marshal(e)
	if err != nil {
		panic("herokutest: write an event: " + err.Error()) // its types cannot fail
	}
	return body
}

// ReleaseEvent returns the body of a webhook request about the app's current release, as
// Heroku would send it. The action is create or update. It is for tests that send
// requests themselves; sign it with [Sign].
func (a *App) ReleaseEvent(action string) []byte {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	return newEvent(action, a.releases[len(a.releases)-1]).body(newID(), newID(), newID())
}

// Sign returns the value of Heroku-Webhook-Hmac-SHA256 for a body: the HMAC-SHA256 under
// the webhook's secret, in padded base64.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
