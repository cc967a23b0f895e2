package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"keepcurrent.example/internal/credential"
)

// scopes tries which scope of a token may do what the functions need.
func scopes(x *trial) {
	may := make(map[string]bool)
	var says []string
	// Before the first is made: an answer can be lost, and so can a revocation.
	x.made("the tokens of the check scopes", x.removeNamed(theToken+tokenPrefix+x.mark))
	word := map[bool]string{true: "yes", false: "no"}
	for _, scope := range []string{"read", "write", "read-protected", "write-protected"} {
		x.during = "a token of the scope " + scope
		reads, subscribes := x.scope(scope)
		says = append(says, fmt.Sprintf("%s: config vars %s, webhooks %s", scope, word[reads], word[subscribes]))
		may[scope+" reads"], may[scope+" does both"] = reads, reads && subscribes
	}
	x.says("%s", strings.Join(says, "; "))
	x.tell("Which scope may read config vars and write webhooks?", "%s", x.Says)
	x.during = ""
	switch {
	case !may["read-protected reads"]:
		fail("a token of the scope read-protected may not read config vars")
	case !may["write-protected does both"]:
		fail("a token of the scope write-protected may not read config vars and write webhooks")
	}
}

// scope makes a token, tries it and revokes it.
func (x *trial) scope(scope string) (reads, subscribes bool) {
	var made struct {
		ID          string
		AccessToken struct{ Token string } `json:"access_token"`
	}
	alone, cancel := unstoppable(x.ctx)
	defer cancel()
	err := x.heroku.do(alone, "POST", "/oauth/authorizations", map[string]any{"description": tokenPrefix + x.mark, "scope": []string{scope}, "expires_in": 3600}, &made, nil)
	if hasStatus(err, http.StatusForbidden) {
		ok(skip("your token may not make others: it needs the scope global"))
	}
	ok(err)
	defer func() { _ = x.heroku.revoke(context.WithoutCancel(x.ctx), made.ID) }() // else at the end
	x.hide = append(x.hide, made.AccessToken.Token)
	narrow := x.heroku.with(credential.New(made.AccessToken.Token))
	_, err = narrow.configVars(x.ctx)
	reads = granted(err)
	id, err := narrow.subscribe(x.ctx, x.stack.webhookURL+"?drill=scope", "EXAMPLE-"+x.password)
	if subscribes = granted(err); subscribes {
		ok(x.heroku.unsubscribe(context.WithoutCancel(x.ctx), id))
	}
	return reads, subscribes
}

// granted tells a refusal from success. Other errors end the check.
func granted(err error) bool {
	if hasStatus(err, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound) {
		return false
	}
	ok(err)
	return true
}

const atOnce = 8

// limit uses up the account's requests. It ends when Heroku takes requests again.
func limit(x *trial) {
	if !x.useUp {
		ok(skip("it stops everything that uses your Heroku user for some minutes: give -use-up-requests"))
	}
	ctx, stop := context.WithTimeout(x.ctx, x.pace.list)
	defer stop()
	x.heroku.limited.Store(nil)
	var sent atomic.Int64
	var senders sync.WaitGroup
	for range atOnce {
		senders.Go(func() {
			for ctx.Err() == nil && x.heroku.limited.Load() == nil && sent.Add(1) <= int64(x.pace.most) {
				_, _ = x.heroku.configVars(ctx)
			}
		})
	}
	senders.Wait()
	if x.heroku.limited.Load() == nil {
		fail("no 429 after %d requests", x.pace.most)
	}
	took := must(until(x.ctx, "Heroku takes requests again", x.pace.list, 10*x.pace.tick, func() (bool, error) {
		_, err := x.heroku.configVars(x.ctx)
		return true, err
	}))
	x.says("429 after %d requests; %s later Heroku took the next one", sent.Load(), round(took))
}

// tellLeft answers the questions that no check answers.
func (d *drill) tellLeft() {
	answer := "not checked: Heroku has not answered 429; -use-up-requests makes it"
	if looks := d.heroku.limited.Load(); looks != nil {
		answer = *looks
	}
	d.tell("What does a 429 look like?", "%s", answer)
	if !slices.ContainsFunc(d.facts, func(f fact) bool { return f.Question == howLong }) {
		d.tell(howLong, "not checked: -database makes a delivery that the webhook answers late")
	}
}
