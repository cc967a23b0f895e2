package binding

import (
	"context"
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

// Entry is a binding of the app that was asked for, or why it is none.
type Entry struct {
	Binding
	Err error // of the tags
}

// Find returns the entries whose app tag is one of identities (an app's name and
// its id). It lists again before it says that there are none.
func (d *Directory) Find(ctx context.Context, identities ...string) ([]Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if time.Since(d.listed) < d.Keep {
		if found := entries(d.secrets, identities); len(found) > 0 {
			return found, nil
		}
	}
	secrets, err := d.List(ctx)
	if err != nil {
		return nil, err
	}
	d.secrets, d.listed = secrets, time.Now()
	return entries(secrets, identities), nil
}

func entries(secrets []Secret, identities []string) []Entry {
	var found []Entry
	for _, s := range secrets {
		for _, identity := range identities {
			if identity != "" && s.Tags[AppTag] == identity {
				b, err := Of(s)
				found = append(found, Entry{Binding: b, Err: err})
				break
			}
		}
	}
	return found
}
