package binding

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keepcurrent.example/internal/turn"
)

// Directory finds the bindings of an app. It keeps the list of bound secrets,
// because AWS lists slowly (100 secrets a call) and a webhook is in a hurry. A
// kept list can only name too few or too many: what a binding is, and whether it
// still is one, its fence says
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html:
// the list may lag by five minutes anyway).
type Directory struct {
	// List names all secrets that carry [AppTag].
	List func(context.Context) ([]Secret, error)
	// Keep is how long a list counts as fresh; zero lists each time.
	Keep time.Duration

	mu      turn.Lock // guards what follows, and makes one listing serve all who wait
	secrets []Secret
	listed  time.Time
}

// Kept returns the bindings whose app tag is one of identities (an app's name and
// its id), out of the list that is kept. They are all there are, as far as a list
// can tell, if the list is fresh and there are any; otherwise [Directory.Find] may
// know of others.
func (d *Directory) Kept(ctx context.Context, identities ...string) (found []Binding, all bool) {
	if d.mu.Lock(ctx) != nil {
		return nil, false
	}
	defer d.mu.Unlock()
	found = bound(d.secrets, identities)
	return found, d.fresh() && len(found) > 0
}

// Find returns the bindings whose app tag is one of identities. It lists again
// before it says that there are none.
func (d *Directory) Find(ctx context.Context, identities ...string) ([]Binding, error) {
	if err := d.mu.Lock(ctx); err != nil {
		return nil, fmt.Errorf("waiting for a list: %w", err)
	}
	defer d.mu.Unlock()
	if d.fresh() {
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

func (d *Directory) fresh() bool { return time.Since(d.listed) < d.Keep }

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
