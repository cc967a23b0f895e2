package herokutest

import (
	"cmp"
	"time"
)

// A release is a numbered state of an app, in the form of the schema. All
// releases of this server succeed at once, as those do that an add-on makes, and
// none brings new code.
type release struct {
	AddonPlanNames  []string  `json:"addon_plan_names"`
	App             identity  `json:"app"`
	CreatedAt       time.Time `json:"created_at"`
	Current         bool      `json:"current"`
	Description     string    `json:"description"`
	ID              string    `json:"id"`
	OutputStreamURL *string   `json:"output_stream_url"`
	Slug            *struct{} `json:"slug"`
	Status          string    `json:"status"`
	UpdatedAt       time.Time `json:"updated_at"`
	User            account   `json:"user"`
	Version         int       `json:"version"`
}

// release makes a release and announces it twice, as Heroku does. The caller
// holds the server's lock.
func (a *App) release(description string, by account) {
	now := seconds(time.Now())
	r := release{
		AddonPlanNames: []string{},
		App:            identity{a.ID, a.Name},
		CreatedAt:      now,
		Current:        true,
		Description:    description,
		ID:             newID(),
		Status:         "succeeded",
		UpdatedAt:      now,
		User:           by,
		Version:        len(a.releases) + 1,
	}
	for i := range a.releases {
		a.releases[i].Current = false
	}
	a.releases = append(a.releases, r)
	for _, action := range []string{"create", "update"} {
		a.publish(newEvent(action, r))
	}
}

// seconds is a time in the precision of the API's answers.
func seconds(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

func (s *Server) listReleases(c *call) (any, error) {
	return page(c, c.app.releases, "version", map[string]func(a, b release) int{
		"id":      func(a, b release) int { return cmp.Compare(a.ID, b.ID) },
		"version": func(a, b release) int { return cmp.Compare(a.Version, b.Version) },
	})
}
