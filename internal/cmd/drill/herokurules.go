package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"keepcurrent.example/internal/credential"
)

// scopes tries which scope of a token may do what the functions need.
func scopes(ctx context.Context, d *drill) (outcome, error) {
	may := make(map[string]bool)
	var says []string
	for _, scope := range []string{"read", "write", "read-protected", "write-protected"} {
		tried, err := d.scope(ctx, scope)
		if hasStatus(err, http.StatusForbidden) {
			return outcome{}, skip("your token may not make others: it needs the scope global")
		}
		if err != nil {
			return outcome{}, fmt.Errorf("a token of the scope %s: %w", scope, err)
		}
		says = append(says, fmt.Sprintf("%s: config vars %s, webhooks %s", scope, yes(tried.reads), yes(tried.subscribes)))
		may[scope] = tried.reads && tried.subscribes
		may[scope+" reads"] = tried.reads
	}
	d.tell("Which scope may read config vars and write webhooks?", "%s", strings.Join(says, "; "))
	switch {
	case !may["read-protected reads"]:
		return outcome{}, errors.New("a token of the scope read-protected may not read config vars")
	case !may["write-protected"]:
		return outcome{}, errors.New("a token of the scope write-protected may not read config vars and write webhooks")
	}
	return outcome{says: strings.Join(says, "; ")}, nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type powers struct{ reads, subscribes bool }

// scope makes a token, tries it and revokes it.
func (d *drill) scope(ctx context.Context, scope string) (p powers, err error) {
	var made struct {
		ID          string
		AccessToken struct{ Token string } `json:"access_token"`
	}
	alone := context.WithoutCancel(ctx) // else nobody would know whether there is a token
	err = d.heroku.do(alone, "POST", "/oauth/authorizations", map[string]any{"description": authorizationPrefix + d.mark, "scope": []string{scope}, "expires_in": 3600}, &made)
	if err != nil {
		return p, err
	}
	defer func() {
		err = errors.Join(err, d.heroku.do(alone, "DELETE", "/oauth/authorizations/"+made.ID, nil, nil))
	}()
	d.hide = append(d.hide, made.AccessToken.Token)
	narrow := d.heroku.with(credential.New(made.AccessToken.Token))
	if p.reads, err = granted(narrow.do(ctx, "GET", "/apps/"+d.app+"/config-vars", nil, nil)); err != nil {
		return p, err
	}
	w, refusal := narrow.subscribe(ctx, d.app, d.stack.WebhookURL+"?drill=scope", "EXAMPLE-"+d.password)
	if p.subscribes, err = granted(refusal); !p.subscribes {
		return p, err
	}
	return p, d.heroku.unsubscribe(alone, d.app, w.ID)
}

// granted tells a refusal from other errors.
func granted(err error) (bool, error) {
	if hasStatus(err, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound) {
		return false, nil
	}
	return err == nil, err
}
