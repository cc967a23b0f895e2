package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	platform "github.com/heroku/heroku-go/v5"
)

// What a drill makes has these names, with its mark behind.
const (
	appPrefix    = "kc-drill-"
	secretPrefix = "keepcurrent-drill/"
	tokenPrefix  = "keepcurrent drill " // of the description
	markLayout   = "20060102150405"
	description  = "Of a drill of keepcurrent, which removes it." // of the secrets
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
	if err := d.heroku.setVar(ctx, configVar, d.nextURL()); err != nil {
		return err
	}
	arn, err := d.bind(ctx, "follows", "heroku:config-var", configVar, "heroku:format", "url", "heroku:verify", "off", "heroku:sslmode", "unchanged")
	d.secret = arn
	return err
}

// unstoppable returns a context that Ctrl-C does not end: nobody would know whether the
// request has made something.
func unstoppable(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
}

func (d *drill) makeApp(ctx context.Context) error {
	name := appPrefix + d.mark
	alone, cancel := unstoppable(ctx)
	defer cancel()
	err := d.heroku.do(alone, "POST", "/apps", map[string]string{"name": name}, nil, nil)
	if err != nil {
		err = fmt.Errorf("make the app %s: %w", name, err)
	}
	if refused := (platform.Error{}); errors.As(err, &refused) && refused.StatusCode < 500 { // there is none of ours
		if strings.Contains(refused.Error(), "taken") {
			err = fmt.Errorf("%w: %w", errTaken, err)
		}
		return err
	}
	d.heroku.app = name
	d.made("the app "+name, func(ctx context.Context) error { return d.removeApp(ctx, name) })
	if err != nil || d.collaborator == "" {
		return err
	}
	if err := d.heroku.onApp(ctx, "POST", "/collaborators", map[string]any{"user": d.collaborator, "silent": true}, nil); err != nil {
		return fmt.Errorf("let the stack's Heroku user %s see the app: %w", d.collaborator, err)
	}
	return nil
}

func (d *drill) removeApp(ctx context.Context, name string) error {
	err := d.heroku.do(ctx, "DELETE", "/apps/"+name, nil, nil, nil)
	if hasStatus(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// bind makes a secret without a value that is bound to the app, with further tags.
func (d *drill) bind(ctx context.Context, name string, tags ...string) (arn string, err error) {
	return d.makeSecret(ctx, name, nil, slices.Concat([]string{"heroku:app", d.heroku.app}, d.stack.onlyTag, tags)...)
}

// makeSecret makes a secret with a first value, or without one, and tags.
func (d *drill) makeSecret(ctx context.Context, name string, value *string, tags ...string) (arn string, err error) {
	name = secretPrefix + d.mark + "/" + name
	in := &secretsmanager.CreateSecretInput{Name: &name, SecretString: value, Description: new(description)}
	for tag := range slices.Chunk(tags, 2) {
		in.Tags = append(in.Tags, types.Tag{Key: &tag[0], Value: &tag[1]})
	}
	alone, cancel := unstoppable(ctx)
	defer cancel()
	out, err := d.secrets.CreateSecret(alone, in)
	if err != nil {
		err = fmt.Errorf("make the secret %s: %w", name, err)
	}
	if refused := smithy.APIError(nil); errors.As(err, &refused) && refused.ErrorFault() != smithy.FaultServer { // there is none of ours
		if refused.ErrorCode() == new(types.ResourceExistsException).ErrorCode() {
			err = fmt.Errorf("%w: %w", errTaken, err)
		}
		return "", err
	}
	d.made("the secret "+name, func(ctx context.Context) error { return d.removeSecret(ctx, name) })
	if err != nil {
		return "", err
	}
	return *out.ARN, nil
}

func (d *drill) removeSecret(ctx context.Context, name string) error {
	_, err := d.secrets.DeleteSecret(ctx, &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: new(true)})
	if gone := (*types.ResourceNotFoundException)(nil); errors.As(err, &gone) {
		return nil
	}
	return err
}

// removeNamed returns a step that removes what there is of this drill's, by how it is called
// in a list of leftovers.
func (d *drill) removeNamed(prefix string) func(context.Context) error {
	return func(ctx context.Context) error {
		left, err := d.leftovers(ctx)
		for _, l := range left {
			if strings.HasPrefix(l.what, prefix) {
				err = errors.Join(err, l.run(ctx))
			}
		}
		return err
	}
}

// What a drill's things are called in a list of leftovers, before their names.
const theApp, theSecret, theToken = "the app ", "the secret ", "the token that is described as "

// ruleName is the end of the name of a secret of the conformance test, which gives them no
// description.
var ruleName = regexp.MustCompile(`/rule-[A-Z2-7]{26}(/2)?$`)

// leftover is something that an earlier drill has made.
type leftover struct {
	step
	began time.Time // that drill
}

// leftovers finds what drills have left that were killed. Another drill that runs right
// now looks the same. What a person has given such a name was not made at the time in it, and a
// secret of a person's has another description.
func (d *drill) leftovers(ctx context.Context) (left []leftover, err error) {
	note := func(kind, name, prefix string, made time.Time, remove func(context.Context) error) {
		mark, ours := strings.CutPrefix(name, prefix)
		began, err := time.Parse(markLayout, mark[:min(len(mark), len(markLayout))])
		if after := made.Sub(began); ours && err == nil && after > -5*time.Minute && after < longest {
			left = append(left, leftover{step{kind + name, remove}, began})
		}
	}
	var apps platform.AppListResult
	if err := d.heroku.do(ctx, "GET", "/apps", nil, &apps, &platform.ListRange{Field: "name", Max: 1000}); err != nil {
		return nil, fmt.Errorf("look for apps of an earlier drill: %w", err)
	}
	for _, app := range apps {
		note(theApp, app.Name, appPrefix, app.CreatedAt, func(ctx context.Context) error { return d.removeApp(ctx, app.Name) })
	}
	pages := secretsmanager.NewListSecretsPaginator(d.secrets, &secretsmanager.ListSecretsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, fmt.Errorf("look for secrets of an earlier drill: %w", err)
		}
		for _, s := range page.SecretList {
			if s.Name != nil && s.CreatedDate != nil && (ruleName.MatchString(*s.Name) || s.Description != nil && *s.Description == description) {
				note(theSecret, *s.Name, secretPrefix, *s.CreatedDate, func(ctx context.Context) error { return d.removeSecret(ctx, *s.Name) })
			}
		}
	}
	var tokens []struct { // heroku-go has no description
		ID, Description string
		CreatedAt       time.Time `json:"created_at"`
	}
	err = d.heroku.do(ctx, "GET", "/oauth/authorizations", nil, &tokens, nil)
	if err != nil && !hasStatus(err, http.StatusForbidden) { // a token that may not list them has made none
		return nil, fmt.Errorf("look for tokens of an earlier drill: %w", err)
	}
	for _, t := range tokens {
		note(theToken, t.Description, tokenPrefix, t.CreatedAt, func(ctx context.Context) error { return d.heroku.revoke(ctx, t.ID) })
	}
	return left, nil
}
