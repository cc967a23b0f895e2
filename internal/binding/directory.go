package binding

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Directory finds the bindings of an app. It keeps the list of bound secrets
// for a while, because AWS lists slowly (100 secrets a call) and a webhook
// is in a hurry. A kept list can only name too few or too many: what a binding
// is, and whether it still is one, its fence says
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html:
// the list may lag by five minutes anyway).
type Directory struct {
	// List names all secrets that carry [AppTag].
	List func(context.Context) ([]Secret, error)
	// Keep is how long a list serves; zero lists each time.
	Keep time.Duration

	mu      sync.Mutex // guards what follows
	secrets []Secret
	listed  time.Time
}

// Find returns the bindings whose app tag is one of identities (an app's name and
// its id). It lists again before it says that there are none.
func (d *Directory) Find(ctx context.Context, identities ...string) ([]Binding, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.listed) < d.Keep {
		if found := bound(d.secrets, identities); len(found) > 0 {
			return found, nil
		}
	}
	secrets, err := d.List(ctx)
	if err != nil {
		return nil, err
	}
	d.secrets, d.listed = secrets, time.Now()
	return bound(secrets, identities), nil
}

func bound(secrets []Secret, identities []string) []Binding {
	var found []Binding
	for _, s := range secrets {
		if app := s.Tags[AppTag]; app != "" && slices.Contains(identities, app) {
			b, _ := Of(s) // the fence reads the tags again, and judges them
			found = append(found, b)
		}
	}
	return found
}
