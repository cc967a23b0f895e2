package herokutest

import (
	"context"
	"fmt"
	"time"
)

// Rotate replaces the default credential, as pg:credentials:rotate does: the
// old password dies and its sessions end; only then do the config vars of all
// attachments of all apps change; then each app has a release; then the events
// go out.
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

// announce shows the new URL to all apps and makes one release for each, which
// names one of its attachments: DATABASE, if it has it.
func (o *AddOn) announce() {
	o.server.mu.Lock()
	defer o.server.mu.Unlock()
	o.show()
	chosen := map[*App]string{}
	var apps []*App
	for _, t := range o.attachments {
		if chosen[t.app] == "" {
			apps = append(apps, t.app)
		}
		if chosen[t.app] == "" || t.name == "DATABASE" {
			chosen[t.app] = t.name
		}
	}
	for _, app := range apps {
		app.release("Update "+chosen[app]+" by heroku-postgresql", postgres)
	}
}

// attachmentData is an attachment as events show it.
type attachmentData struct {
	ID          string          `json:"id"`
	Name        string          `json:"name"`
	AddOn       attachmentAddOn `json:"addon"`
	App         identity        `json:"app"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	WebURL      *string         `json:"web_url"`
	Namespace   *string         `json:"namespace"`
	LogInputURL *string         `json:"log_input_url"`
}

type attachmentAddOn struct {
	identity
	App identity `json:"app"`
}

func (t *attachment) data() attachmentData {
	return attachmentData{
		ID:        t.id,
		Name:      t.name,
		AddOn:     attachmentAddOn{identity{t.addon.ID, t.addon.Name}, t.addon.owner.identity()},
		App:       t.app.identity(),
		CreatedAt: seconds(t.created),
		UpdatedAt: seconds(t.created),
	}
}
