package heroku

import (
	"context"
	"fmt"
	"strings"

	platform "github.com/heroku/heroku-go/v5"

	"keepcurrent.example/internal/reconcile"
)

// Credentials returns whose credential the URL in a config var has, by config var, for all
// that an attachment makes: the attachment NAME makes NAME_URL, and its namespace tells.
func (a *API) Credentials(ctx context.Context, app string) (map[string]reconcile.Credential, error) {
	var all map[string]reconcile.Credential
	err := a.do(ctx, app, func(ctx context.Context, api *platform.Service) error {
		attachments, err := api.AddOnAttachmentListByApp(ctx, app, nil)
		if err == nil && attachments == nil {
			err = errUnreadable // an empty list is not nil
		}
		all = make(map[string]reconcile.Credential, len(attachments))
		for _, attachment := range attachments {
			all[attachment.Name+"_URL"] = credentialOf(attachment.Namespace)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("listing the attachments of app %s: %w", app, err)
	}
	return all, nil
}

// credentialOf reads the namespace of an attachment, as Heroku's CLI does
// (https://github.com/heroku/cli: src/commands/pg/credentials.ts, src/commands/pg/promote.ts).
// The role:NAME of a Postgres Advanced can be the owner's or another's.
func credentialOf(namespace *string) reconcile.Credential {
	switch {
	case namespace == nil, *namespace == "connection-pooling:default":
		return reconcile.CredentialDefault
	case strings.HasPrefix(*namespace, "credential:"):
		return reconcile.CredentialNamed
	}
	return reconcile.CredentialUnknown
}
