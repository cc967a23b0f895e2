package herokutest

import (
	"maps"
	"slices"
	"strconv"
	"time"
)

// A release is a numbered state of an app. All releases of this house succeed
// at once, as those do that an add-on makes.
type release struct {
	id          string
	version     int
	description string
	by          account
	slug        *slug
	plans       []string
	created     time.Time
	config      map[string]*string
}

// A slug is the code of a release.
type slug struct {
	ID                string `json:"id"`
	Commit            string `json:"commit"`
	CommitDescription string `json:"commit_description"`
}

// release makes a release of the app's code and config as they are now, and
// announces it twice, as Heroku does. The caller holds the server's lock.
func (a *App) release(description string, by account) {
	r := &release{
		id:          newID(),
		version:     len(a.releases) + 1,
		description: description,
		by:          by,
		slug:        a.slug,
		plans:       a.plans(),
		created:     time.Now(),
		config:      maps.Clone(a.config),
	}
	a.releases = append(a.releases, r)
	data := a.releaseData(r)
	for _, action := range []string{"create", "update"} {
		a.publish(newEvent(action, "release", by, data))
	}
}

// Deploy releases new code: a release that changes no config var.
func (a *App) Deploy() {
	a.server.mu.Lock()
	defer a.server.mu.Unlock()
	a.slug = &slug{ID: newID(), Commit: "1a5f89db9a6a62f29689b6eeea65e6b6eb0879cd"}
	a.release("Deploy "+a.slug.Commit[:8], a.server.user)
}

// A releaseAnswer is a release in the form of the schema.
type releaseAnswer struct {
	AddonPlanNames  []string  `json:"addon_plan_names"`
	App             identity  `json:"app"`
	CreatedAt       time.Time `json:"created_at"`
	Current         bool      `json:"current"`
	Description     string    `json:"description"`
	ID              string    `json:"id"`
	OutputStreamURL *string   `json:"output_stream_url"`
	Slug            *slugID   `json:"slug"`
	Status          string    `json:"status"`
	UpdatedAt       time.Time `json:"updated_at"`
	User            account   `json:"user"`
	Version         int       `json:"version"`
}

type slugID struct {
	ID string `json:"id"`
}

func (a *App) releaseAnswer(r *release) releaseAnswer {
	answer := releaseAnswer{
		AddonPlanNames: r.plans,
		App:            a.identity(),
		CreatedAt:      seconds(r.created),
		Current:        r.version == len(a.releases),
		Description:    r.description,
		ID:             r.id,
		Status:         "succeeded",
		UpdatedAt:      seconds(r.created),
		User:           r.by,
		Version:        r.version,
	}
	if r.slug != nil {
		answer.Slug = &slugID{r.slug.ID}
	}
	return answer
}

// findRelease finds the release that the path names by its id or version.
func (c *call) findRelease() (*release, error) {
	id := c.request.PathValue("release")
	i := slices.IndexFunc(c.app.releases, func(r *release) bool { return r.id == id || strconv.Itoa(r.version) == id })
	if i < 0 {
		return nil, &apiError{ID: "not_found", Message: "Couldn't find that release.", Resource: "release"}
	}
	return c.app.releases[i], nil
}

func (s *Server) getRelease(c *call) (any, error) {
	r, err := c.findRelease()
	if err != nil {
		return nil, err
	}
	return c.app.releaseAnswer(r), nil
}

// getReleaseConfigVars answers the config of the time of the release. A hold
// covers the releases that are made under it.
func (s *Server) getReleaseConfigVars(c *call) (any, error) {
	r, err := c.findRelease()
	if err != nil {
		return nil, err
	}
	return c.app.visible(r.config, r.version), nil
}

func (s *Server) listReleases(c *call) (any, error) {
	all := []releaseAnswer{}
	for _, r := range c.app.releases {
		all = append(all, c.app.releaseAnswer(r))
	}
	return page(c, all, map[string]func(releaseAnswer) string{
		"id":      func(r releaseAnswer) string { return r.ID },
		"version": func(r releaseAnswer) string { return strconv.Itoa(r.Version) },
	})
}
