package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
)

// What a drill makes has these names, with its mark behind.
const (
	appPrefix           = "kc-drill-"
	secretPrefix        = "keepcurrent-drill/"
	authorizationPrefix = "keepcurrent drill "
	markLayout          = "20060102150405"
)

// configVar is what the secret follows.
const configVar = "DRILL_URL"

// errTaken says that a name is not free, so nothing was made and nothing may be removed.
var errTaken = errors.New("the name is taken: the drill touches nothing that it has not made; run it again")

// prepare makes the app and its first config var, and the secret that follows it.
func (d *drill) prepare(ctx context.Context) error {
	if err := d.makeApp(ctx); err != nil {
		return err
	}
	if err := d.setVar(ctx, d.nextURL()); err != nil {
		return err
	}
	arn, err := d.makeSecret(ctx, "follows", nil,
		"heroku:app", d.app, "heroku:config-var", configVar, "heroku:format", "url", "heroku:verify", "off", "heroku:sslmode", "unchanged")
	d.secret = arn
	return err
}

func (d *drill) makeApp(ctx context.Context) error {
	name := appPrefix + d.mark
	// Not cut off by Ctrl-C: then nobody would know whether there is an app.
	alone, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	err := d.heroku.do(alone, "POST", "/apps", map[string]string{"name": name}, nil)
	var refused *herokuError
	if errors.As(err, &refused) && refused.status < 500 { // there is none of ours
		if strings.Contains(refused.why, "taken") {
			err = fmt.Errorf("%w: %w", errTaken, err)
		}
		return fmt.Errorf("make the app %s: %w", name, err)
	}
	d.made("the app "+name, func(ctx context.Context) error { return d.removeApp(ctx, name) })
	if err != nil {
		return fmt.Errorf("make the app %s: %w", name, err)
	}
	d.app = name
	if d.collaborator == "" {
		return nil
	}
	err = d.heroku.do(ctx, "POST", "/apps/"+name+"/collaborators", map[string]any{"user": d.collaborator, "silent": true}, nil)
	if err != nil {
		return fmt.Errorf("let the stack's Heroku user %s see the app: %w", d.collaborator, err)
	}
	return nil
}

func (d *drill) removeApp(ctx context.Context, name string) error {
	err := d.heroku.do(ctx, "DELETE", "/apps/"+name, nil, nil)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// makeSecret makes a secret with a first value, or without one, and tags.
func (d *drill) makeSecret(ctx context.Context, name string, value *string, tags ...string) (arn string, err error) {
	name = secretPrefix + d.mark + "/" + name
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: value, Description: new("Of a drill of keepcurrent, which removes it.")}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	alone, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	out, err := d.secrets.CreateSecret(alone, in)
	var refused smithy.APIError
	if errors.As(err, &refused) && refused.ErrorFault() != smithy.FaultServer { // there is none of ours
		if refused.ErrorCode() == new(types.ResourceExistsException).ErrorCode() {
			err = fmt.Errorf("%w: %w", errTaken, err)
		}
		return "", fmt.Errorf("make the secret %s: %w", name, err)
	}
	d.made("the secret "+name, func(ctx context.Context) error { return d.removeSecret(ctx, name) })
	if err != nil {
		return "", fmt.Errorf("make the secret %s: %w", name, err)
	}
	return *out.ARN, nil
}

func (d *drill) removeSecret(ctx context.Context, name string) error {
	_, err := d.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: new(true)})
	var gone *types.ResourceNotFoundException
	if errors.As(err, &gone) {
		return nil
	}
	return err
}

// leftover is something that an earlier drill has made.
type leftover struct {
	step
	began time.Time // that drill
}

// leftovers finds what drills have left that were killed. Another drill that runs right
// now looks the same.
func (d *drill) leftovers(ctx context.Context) (left []leftover, err error) {
	var apps []struct {
		Name      string
		CreatedAt time.Time `json:"created_at"`
	}
	if err := d.heroku.do(ctx, "GET", "/apps", nil, &apps, "Range: name ..; max=1000"); err != nil {
		return nil, fmt.Errorf("look for apps of an earlier drill: %w", err)
	}
	for _, app := range apps {
		mark, ours := strings.CutPrefix(app.Name, appPrefix)
		if began, same := madeAt(mark, app.CreatedAt); ours && same {
			left = append(left, leftover{step{"the app " + app.Name, func(ctx context.Context) error { return d.removeApp(ctx, app.Name) }}, began})
		}
	}
	pages := secretsmanager.NewListSecretsPaginator(d.secrets, &secretsmanager.ListSecretsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for secrets of an earlier drill: %w", err)
		}
		for _, secret := range page.SecretList {
			rest, ours := strings.CutPrefix(*secret.Name, secretPrefix)
			mark, _, _ := strings.Cut(rest, "/")
			if secret.CreatedDate == nil {
				continue
			}
			if began, same := madeAt(mark, *secret.CreatedDate); ours && same {
				left = append(left, leftover{step{"the secret " + *secret.Name, func(ctx context.Context) error { return d.removeSecret(ctx, *secret.Name) }}, began})
			}
		}
	}
	var authorizations []struct {
		ID, Description string
		CreatedAt       time.Time `json:"created_at"`
	}
	err = d.heroku.do(ctx, "GET", "/oauth/authorizations", nil, &authorizations)
	if hasStatus(err, http.StatusForbidden) { // a token that may not list them has made none
		return left, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for tokens of an earlier drill: %w", err)
	}
	for _, a := range authorizations {
		mark, ours := strings.CutPrefix(a.Description, authorizationPrefix)
		if began, same := madeAt(mark, a.CreatedAt); ours && same {
			left = append(left, leftover{step{"the token that is described as " + a.Description, func(ctx context.Context) error {
				return d.heroku.do(ctx, "DELETE", "/oauth/authorizations/"+a.ID, nil, nil)
			}}, began})
		}
	}
	return left, nil
}

// madeAt returns when a drill with a mark began, and whether something was made during it:
// a person can use such a name too.
func madeAt(mark string, made time.Time) (began time.Time, same bool) {
	began, err := time.Parse(markLayout, mark)
	after := made.Sub(began)
	return began, err == nil && after > -5*time.Minute && after < 2*time.Hour
}
