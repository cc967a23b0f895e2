package heroku

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/reconcile"
)

// Credentials returns whose credential the URL in a config var has, by config var, for all
// that an attachment makes: the attachment NAME makes NAME_URL, and its namespace tells.
// No outcome depends on it and a person waits, so it is one try with the shortest time-out,
// and if it fails, no app is asked about for a while.
func (a *API) Credentials(ctx context.Context, app string) (map[string]reconcile.Credential, error) {
	if err := a.silence.reason(); err != nil {
		return nil, err
	}
	var all map[string]reconcile.Credential
	err := a.doWithin(ctx, timeouts[:1], app, func(ctx context.Context, api *platform.Service) error {
		attachments, err := api.AddOnAttachmentListByApp(ctx, app, nil)
		if err == nil && attachments == nil {
			err = errUnreadable // an empty list is not nil
		}
		all = make(map[string]reconcile.Credential, len(attachments))
		for _, attachment := range attachments {
			all[attachment.Name+"_URL"] = credentialOf(attachment.Addon.Name, attachment.Namespace)
		}
		return err
	})
	if err != nil {
		err = fmt.Errorf("listing the attachments of app %s: %w", app, err)
		if ctx.Err() == nil && !isMissing(err) {
			a.silence.begin(err)
		}
		return nil, err
	}
	return all, nil
}

// isMissing reports whether an error is about this app alone.
func isMissing(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && status.Code == http.StatusNotFound
}

// silence remembers that Heroku hung or refused, for the time of one run.
type silence struct {
	mu    sync.Mutex // guards what follows
	since time.Time  // zero before the first failure
	why   error
}

// reason returns why Heroku is not asked, nil if it is.
func (s *silence) reason() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.since) < checkKept {
		return s.why
	}
	return nil
}

func (s *silence) begin(why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.since, s.why = time.Now().Round(0), why // by the wall clock, which a freeze does not stop
}

// herokuPostgres is the form of the names that Heroku gives its databases. Another maker's
// add-on has another form; so has one that a person has renamed, of which it is not known
// what it is.
var herokuPostgres = regexp.MustCompile(`^postgresql-[a-z]+-[0-9]+$`)

// credentialOf reads the namespace of an attachment, as Heroku's CLI does
// (https://github.com/heroku/cli: src/commands/pg/credentials.ts, src/commands/pg/promote.ts).
// The role:NAME of a Postgres Advanced can be the owner's or another's.
func credentialOf(addon string, namespace *string) reconcile.Credential {
	switch {
	case !herokuPostgres.MatchString(addon):
		return reconcile.CredentialUnknown
	case namespace == nil, *namespace == "credential:default", *namespace == "connection-pooling:default":
		return reconcile.CredentialDefault
	case strings.HasPrefix(*namespace, "credential:"):
		return reconcile.CredentialNamed
	}
	return reconcile.CredentialUnknown
}
