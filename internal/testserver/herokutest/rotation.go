package herokutest

import (
	"context"
	"fmt"
)

// Rotate replaces the default credential, as pg:credentials:rotate does: the
// old password dies and its sessions end; only then do the config vars change;
// then the app has a release; then the events go out.
func (o *AddOn) Rotate(ctx context.Context) error {
	if err := o.database.Rotate(ctx); err != nil {
		return fmt.Errorf("rotate %s: %w", o.Name, err)
	}
	o.announce()
	return nil
}

// RotateWithGrace replaces a credential that is not the default one: the URL
// gets a new user name, and the old one works until end is called.
func (o *AddOn) RotateWithGrace(ctx context.Context) (end func(context.Context) error, err error) {
	end, err = o.database.RotateUser(ctx)
	if err != nil {
		return nil, fmt.Errorf("rotate the user of %s: %w", o.Name, err)
	}
	o.announce()
	return end, nil
}

// FailOver moves the database to another host, as maintenance and high
// availability do.
func (o *AddOn) FailOver(ctx context.Context) error {
	if err := o.database.FailOver(ctx); err != nil {
		return fmt.Errorf("fail over %s: %w", o.Name, err)
	}
	o.announce()
	return nil
}

// announce shows the new URL and makes a release of it.
func (o *AddOn) announce() {
	o.app.server.mu.Lock()
	defer o.app.server.mu.Unlock()
	o.show()
	o.app.release("Update "+o.attachment()+" by heroku-postgresql", postgres)
}
