package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/testserver/eventstest"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/secretstest"
)

// The test of the program runs the rules, too, which take seconds.
func TestAStackThatIsWellPassesEveryCheckThatCanRunHere(t *testing.T) {
	t.Parallel()
	l := start(t)
	out := &output{}
	d := l.drill(out)
	d.rotateKey = false
	l.perform(d, "swap", "list", "subscribe", "webhook", "forged", "lost", "off", "bad", "quiet", "key", "scopes", "pause", "alarms", "metrics", "logs", "limit")
	l.over(d)
	for _, f := range d.findings {
		want := passed
		if slices.Contains([]string{"key", "pause", "alarms", "metrics", "logs", "limit"}, f.Check) {
			want = notChecked
		}
		if f.Verdict != want {
			t.Errorf("%s: %s: %s", f.Check, f.Verdict, f.Says)
		}
	}
	if d.tellLeft(); len(d.facts) < 7 {
		t.Errorf("it answers only %v", d.facts)
	}
	for _, credential := range l.Heroku.Credentials() {
		if strings.Contains(out.String(), credential) {
			t.Error("the output shows a credential")
		}
	}
}

// A container reads the keys again at most every 30 s: until then it refuses the new one,
// and Heroku tries again.
func TestANewSigningKeyLosesNoDelivery(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	d.pace.deliver = 45 * time.Second
	if f := l.perform(d, "subscribe", "key"); f.Verdict != passed {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.over(d)
}

// withDatabases makes the local Heroku sell real databases, and rotate their credentials as
// Heroku Data's API does. What breaks does so when a credential is rotated.
func (l *local) withDatabases(d *drill, breaks func(*postgrestest.Database)) {
	var db *postgrestest.Database
	l.Heroku.SellDatabases(func() (_ herokutest.Database, err error) {
		db, err = l.Database(context.Background())
		return db, err
	})
	l.Heroku.Wrap(func(next http.Handler) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", next)
		mux.HandleFunc("POST /postgres/v0/databases/{addon}/credentials/default/credentials_rotation", func(w http.ResponseWriter, r *http.Request) {
			_, password, _ := r.BasicAuth()
			addon := l.Heroku.AddOn(r.PathValue("addon"))
			if password != l.Heroku.Token() || addon == nil || addon.Rotate(r.Context()) != nil {
				w.WriteHeader(500)
				return
			}
			if breaks != nil {
				breaks(db)
			}
			_, _ = io.WriteString(w, "{}")
		})
		return mux
	})
	d.database, d.dataURL = true, l.Heroku.URL
}

func TestARotationIsMeasuredUnderAConsumer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		dead     bool // nothing runs when the wrong URL comes
		breaks   func(*local, *drill, *postgrestest.Database)
		writer   bool              // a second writer, which checks nothing and writes everything
		verdicts map[string]string // with a part of what they say
	}{
		"a stack that is well": {verdicts: map[string]string{"database": "2 rotations under a query", "held": "was held"}},
		"a database that refuses what Heroku shows": {
			breaks:   func(l *local, _ *drill, db *postgrestest.Database) { _ = db.Rotate(context.Background()) },
			verdicts: map[string]string{"database": "FAIL the consumer's queries succeed again"},
		},
		"a stack that has stopped":                     {dead: true, verdicts: map[string]string{"held": "FAIL afterwards"}},
		"a writer that publishes what does not log in": {writer: true, verdicts: map[string]string{"held": "FAIL AWSCURRENT has moved"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			d := l.drill(io.Discard)
			l.withDatabases(d, func(db *postgrestest.Database) {
				if tt.breaks != nil {
					tt.breaks(l, d, db)
				}
			})
			if f := l.perform(d, "subscribe"); f.Verdict != passed {
				t.Fatal(f)
			}
			if tt.breaks != nil {
				d.pace.deliver = 2 * time.Second
			}
			if tt.writer {
				l.writer(d, secretPrefix+d.mark+"/held", loginVar, awsCurrent)
			}
			if tt.dead {
				l.Heroku.Wrap(func(next http.Handler) http.Handler {
					return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						body, _ := io.ReadAll(r.Body)
						r.Body = io.NopCloser(bytes.NewReader(body))
						if strings.Contains(string(body), loginVar) && strings.Contains(string(body), d.password) {
							l.pollerOff()
							l.polled()
							l.answers(204)
						}
						next.ServeHTTP(w, r)
					})
				})
			}
			for _, check := range []string{"database", "held"} {
				f := l.perform(d, check)
				says, wanted := tt.verdicts[check]
				verdict := passed
				if rest, fails := strings.CutPrefix(says, "FAIL "); fails {
					verdict, says = failed, rest
				}
				if wanted && (f.Verdict != verdict || !strings.Contains(f.Says, says)) {
					t.Errorf("%s: %s: %s", check, f.Verdict, f.Says)
				}
			}
			l.over(d)
		})
	}
}

// The deliveries and the polls end as soon as the credential is rotated.
func TestARotationThatDoesNotReachTheSecretFails(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	d.pace.settle, d.pace.deliver = 100*time.Millisecond, time.Second
	l.Heroku.SetPolicy(herokutest.Policy{Drop: true}) // only the poller brings anything
	l.withDatabases(d, nil)
	l.Heroku.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/credentials_rotation") {
				l.pollerOff()
				l.polled() // a poll that runs may have seen the new URL
			}
			next.ServeHTTP(w, r)
		})
	})
	if f := l.perform(d, "subscribe", "database"); f.Verdict != failed || !strings.Contains(f.Says, "AWSCURRENT moves after a rotation") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.over(d)
}

// With a token that only reads a person subscribes the app.
func TestAStackWhosePollerDoesNotSubscribeIsDrilledAllTheSame(t *testing.T) {
	t.Parallel()
	l := startWith(t, pollEvery, false)
	d := l.drill(io.Discard)
	if f := l.perform(d, "subscribe"); f.Verdict != failed || !strings.Contains(f.Says, "has its first value, but no poll has subscribed") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	for _, name := range []string{"webhook", "lost"} {
		if f := l.perform(d, name); f.Verdict != passed {
			t.Errorf("%s: %s: %s", name, f.Verdict, f.Says)
		}
	}
	l.over(d)
}

// The polls are far apart, so that they bring nothing in place of the call.
func TestAConsumersCallCountsIfNoPollCanHaveBroughtTheChange(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		subscribes, nowhere bool
		verdict, says       string
	}{
		"a bus":                            {true, false, passed, "from the event to AWSCURRENT"},
		"a poller that does not subscribe": {false, false, passed, "from the event to AWSCURRENT"},
		"a bus that leads nowhere":         {true, true, failed, "before the next poll was due"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := startWith(t, 3*time.Second, tt.subscribes)
			d := l.drill(io.Discard)
			d.pace.settle = 300 * time.Millisecond
			if tt.nowhere {
				nowhere := eventstest.Start(func(context.Context, []byte) ([]byte, error) { return nil, nil })
				t.Cleanup(func() { _ = nowhere.Close() })
				d.events = events(nowhere)
			}
			if f := l.perform(d, "subscribe", "call"); f.Verdict != tt.verdict || !strings.Contains(f.Says, tt.says) {
				t.Errorf("%s: %s", f.Verdict, f.Says)
			}
			l.over(d)
		})
	}
}

// A check that cannot fail shows nothing.
func TestEachCheckFailsOnAStackThatIsBrokenInJustThatWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		well   string // checks that pass before it breaks
		broken func(*local, *drill)
		check  string
		says   string
	}{
		"a swap that does not look where AWSCURRENT is": {"", func(l *local, _ *drill) { l.Secrets.Intercept(everybodyWins) }, "swap", "of 20 writers won"},
		"AWSCURRENT on two versions":                    {"", func(l *local, _ *drill) { l.Secrets.Intercept(twoHolders) }, "swap", "AWSCURRENT is on several versions at once"},
		"a swap that fails for another reason": {"", func(l *local, _ *drill) {
			l.Secrets.Intercept(on("UpdateSecretVersionStage", secretstest.Fail(400, "AccessDeniedException")))
		}, "swap", "neither won nor lost"},
		"a swap that moves nothing": {"", func(l *local, _ *drill) {
			won := false
			l.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
				fault := secretstest.Fail(400, "InvalidParameterException")
				if !won && c.Action == "UpdateSecretVersionStage" {
					won, fault = true, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
						_, _ = io.WriteString(w, `{"ARN":"arn"}`)
					}
				}
				return on("UpdateSecretVersionStage", fault)(c)
			})
		}, "swap", "AWSCURRENT is on the winner's version"},
		"a list that never catches up": {"", func(l *local, _ *drill) { l.Secrets.SetListLag(time.Hour) }, "list", "ListSecrets shows"},
		"a poller that is off":         {"", func(l *local, _ *drill) { l.pollerOff() }, "subscribe", "no poll has filled the secret"},
		"a webhook that answers and does nothing": {"subscribe", func(l *local, _ *drill) {
			l.pollerOff()
			l.answers(204)
		}, "webhook", "2 deliveries were answered 2xx, but AWSCURRENT has not"},
		"a webhook that fails":           {"subscribe", func(l *local, _ *drill) { l.answers(500) }, "webhook", "came, but not by webhook"},
		"a Heroku that delivers nothing": {"subscribe", func(l *local, _ *drill) { l.Heroku.SetPolicy(herokutest.Policy{Drop: true}) }, "webhook", "came, but not by webhook"},
		"an app whose webhook is gone": {"subscribe", func(l *local, d *drill) {
			id, err := d.heroku.webhookAt(l.t.Context(), d.stack.webhookURL)
			if err = errors.Join(err, d.heroku.unsubscribe(l.t.Context(), id)); err != nil {
				l.t.Fatal(err)
			}
		}, "webhook", "the app has no webhook"},
		"a webhook that believes anything": {"subscribe", func(l *local, _ *drill) { l.answers(204) }, "forged", `the signature "" is answered 204`},
		"a webhook that believes any signature": {"subscribe", func(l *local, _ *drill) {
			l.stand(func(w http.ResponseWriter, r *http.Request) bool {
				w.WriteHeader(map[bool]int{true: 204, false: 401}[r.Header.Get("Heroku-Webhook-Hmac-SHA256") != ""])
				return true
			})
		}, "forged", `=" is answered 204`},
		"a webhook that believes whatever Heroku has signed": {"subscribe", func(l *local, _ *drill) {
			l.stand(func(w http.ResponseWriter, r *http.Request) bool {
				forged := r.ContentLength < 200 // ours is short
				w.WriteHeader(map[bool]int{true: 401, false: 204}[forged])
				return true
			})
		}, "forged", "signed with another key is answered 204"},
		"a poller that has stopped": {"subscribe webhook", func(l *local, _ *drill) { l.pollerOff() }, "lost", "AWSCURRENT has the new value"},
		"a poller that may no longer subscribe": {"subscribe", func(l *local, _ *drill) {
			l.Heroku.Wrap(herokutest.On("POST /apps/{app}/webhooks", herokutest.Status(403, "application/json", `{"id":"forbidden","message":"no"}`)))
		}, "lost", "the poller subscribes the app"},
		"a writer that does not mind heroku:sync": {"subscribe", (*local).writeAnything, "off", "AWSCURRENT has moved"},
		"a writer that writes what is no URL":     {"subscribe", (*local).writeAnything, "bad", "AWSCURRENT has moved"},
		"a writer that writes the same over":      {"subscribe", (*local).writeAnything, "quiet", "AWSCURRENT has moved"},
		"a writer that puts and does not publish": {"subscribe", (*local).stageAnything, "quiet", "versions were put"},
		"a webhook that forgets the key before":   {"subscribe", func(l *local, _ *drill) { l.answers(401) }, "key", "signs with the key before"},
		"a webhook that forgets the new key": {"subscribe", func(l *local, _ *drill) {
			l.Heroku.Wrap(func(next http.Handler) http.Handler { // the webhook with the key before is removed
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == "DELETE" {
						l.answers(401)
					}
					next.ServeHTTP(w, r)
				})
			})
		}, "key", "after the change of the key"},
		"a token that may read no config vars": {"subscribe", refuses("GET /apps/{app}/config-vars"), "scopes", "read-protected may not read"},
		"a token that may not subscribe":       {"subscribe", refuses("POST /apps/{app}/webhooks"), "scopes", "write-protected may not"},
		"an AWS that takes any size": {"", func(l *local, _ *drill) {
			l.Secrets.Intercept(on("TagResource", func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { _, _ = io.WriteString(w, "{}") }))
		}, "rules", "rules do not hold: "},
		"a Heroku without a limit":                   {"", func(_ *local, d *drill) { d.useUp = true }, "limit", "no 429 after 100 requests"},
		"an AWS that answers nothing":                {"", func(l *local, d *drill) { d.goEnv = append(d.goEnv, "GOFLAGS=-mod=nonsense") }, "rules", "has shown nothing"},
		"a stack that stays off after heroku:sync":   {"subscribe", func(l *local, d *drill) { l.pollerOff(); l.answers(204) }, "off", "afterwards"},
		"a stack that never recovers from a bad URL": {"subscribe", func(l *local, d *drill) { l.pollerOff(); l.answers(204) }, "bad", "afterwards"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			d := l.drill(io.Discard)
			for _, name := range strings.Fields(tt.well) {
				if f := l.perform(d, name); f.Verdict != passed {
					t.Fatalf("%s before it is broken: %s", f.Verdict, f.Says)
				}
			}
			if d.heroku.app == "" {
				if err := d.prepare(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			tt.broken(l, d)
			d.pace.list, d.pace.deliver, d.pace.settle = time.Second, 2*time.Second, 300*time.Millisecond
			if f := l.perform(d, tt.check); f.Verdict != failed || !strings.Contains(f.Says, tt.says) {
				t.Errorf("%s: %s", f.Verdict, f.Says)
			}
			l.Secrets.Intercept(nil)
			l.Secrets.SetListLag(0)
			l.over(d)
		})
	}
}

// AWS does not say that a look right after a write shows it.
func TestALookThatShowsWhatWasBeforeAWriteIsNoFailure(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	var mu sync.Mutex
	before := make(map[string]*httptest.ResponseRecorder)
	l.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action != "ListSecretVersionIds" && (c.Action != "DescribeSecret" || !strings.Contains(c.SecretID, "/swap")) {
			return nil
		}
		return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
			truth := httptest.NewRecorder()
			work.ServeHTTP(truth, r)
			mu.Lock()
			defer mu.Unlock()
			old := cmp.Or(before[c.Action+c.SecretID], truth)
			before[c.Action+c.SecretID] = truth
			_, _ = w.Write(old.Body.Bytes())
		}
	})
	for _, name := range []string{"swap", "subscribe", "off", "bad", "quiet"} {
		if f := l.perform(d, name); f.Verdict != passed {
			t.Errorf("%s: %s: %s", name, f.Verdict, f.Says)
		}
	}
	l.over(d)
}

// loseAnswer does what is asked, and answers nothing.
func loseAnswer(next http.Handler) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	})
}

// on is a fault of one action.
func on(action string, fault secretstest.Fault) func(secretstest.Call) secretstest.Fault {
	return func(c secretstest.Call) secretstest.Fault {
		if c.Action != action {
			return nil
		}
		return fault
	}
}

// everybodyWins tells the losers of a swap that they have won.
func everybodyWins(c secretstest.Call) secretstest.Fault {
	return on("UpdateSecretVersionStage", func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		work.ServeHTTP(httptest.NewRecorder(), r)
		_, _ = io.WriteString(w, `{"ARN":"arn"}`)
	})(c)
}

// twoHolders shows AWSCURRENT on all versions that have a label.
func twoHolders(c secretstest.Call) secretstest.Fault {
	return on("DescribeSecret", func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		truth := httptest.NewRecorder()
		work.ServeHTTP(truth, r)
		_, _ = io.WriteString(w, strings.ReplaceAll(truth.Body.String(), "HEROKU_CANDIDATE", awsCurrent))
	})(c)
}

// refuses is a Heroku that refuses a call to all tokens but the person's.
func refuses(route string) func(*local, *drill) {
	return func(l *local, d *drill) {
		l.Heroku.Wrap(func(next http.Handler) http.Handler {
			refusal := herokutest.On(route, herokutest.Status(403, "application/json", `{"id":"forbidden","message":"no"}`))(next)
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "Bearer "+d.heroku.token.Reveal() {
					next.ServeHTTP(w, r)
					return
				}
				refusal.ServeHTTP(w, r)
			})
		})
	}
}

// writeAnything starts a writer that puts the config var into the secret, without a fence
// and whatever it is.
func (l *local) writeAnything(d *drill) { l.writer(d, d.secret, configVar, awsCurrent) }

// stageAnything starts a writer that puts candidates.
func (l *local) stageAnything(d *drill) { l.writer(d, d.secret, configVar, "HEROKU_CANDIDATE") }

func (l *local) writer(d *drill, secret, name, label string) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	l.t.Cleanup(func() { stop(); <-ended })
	client := d.heroku.with(d.heroku.token)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if vars, err := client.configVars(ctx); err == nil && vars[name] != "" {
				_, _ = l.AWS.PutSecretValue(ctx, &secretsmanager.PutSecretValueInput{SecretId: &secret, SecretString: new(vars[name]), VersionStages: []string{label}})
			}
			_ = wait(ctx, 50*time.Millisecond)
		}
	}()
}

func TestHerokusLimitIsReachedAndItsAnswerKept(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	d.useUp = true
	if err := d.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.pollerOff()
	l.polled()
	l.Heroku.SetRateLimit(20)
	l.Heroku.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if d.heroku.limited.Load() != nil { // an hour has passed
				l.Heroku.SetRateLimit(1000)
			}
			next.ServeHTTP(w, r)
		})
	})
	if f := l.perform(d, "limit"); f.Verdict != passed || !strings.Contains(f.Says, "429 after 2") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	d.tellLeft()
	if want := `status 429, id "rate_limit", Retry-After "", RateLimit-Remaining "0"`; d.facts[0].Answer != want {
		t.Errorf("got %v", d.facts)
	}
	l.over(d)
}

// Two stacks in one account share the secrets between them by a tag.
func TestAStackThatTakesOnlySecretsWithATagIsDrilledWithIt(t *testing.T) {
	t.Parallel()
	l := startWith(t, pollEvery, true, "ONLY_TAG=team=shop")
	d := l.drill(io.Discard)
	d.stack.onlyTag = []string{"team", "shop"}
	if f := l.perform(d, "subscribe"); f.Verdict != passed {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.over(d)
}

func TestWhatNeedsAnotherCheckIsNotCheckedWithoutIt(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.pollerOff()
	d := l.drill(io.Discard)
	for _, name := range []string{"webhook", "held", "logs"} {
		if f := l.perform(d, name); f.Verdict != notChecked {
			t.Errorf("%s: %s: %s", name, f.Verdict, f.Says)
		}
	}
	l.over(d)
	for only, want := range map[string]string{"logs": "subscribe webhook logs", "swap": "swap", "held,lost": "subscribe lost held"} {
		if chosen, err := choose(only); names(chosen) != want || err != nil {
			t.Errorf("-only %s: %s, %v", only, names(chosen), err)
		}
	}
}

// A second change of the key would make the stack refuse the webhooks that still have the one before the first.
func TestTheSigningKeyIsNotChangedWhileWebhooksHaveTheOneBefore(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	if f := l.perform(d, "subscribe"); f.Verdict != passed {
		t.Fatal(f)
	}
	d.subscribes = false
	if f := l.perform(d, "key"); f.Verdict != notChecked || !strings.Contains(f.Says, "does not give other apps' webhooks") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	d.subscribes = true
	if _, err := l.AWS.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &d.stack.signingKey, SecretString: new("EXAMPLE")}); err != nil {
		t.Fatal(err)
	}
	if f := l.perform(d, "key"); f.Verdict != notChecked || !strings.Contains(f.Says, "the key was changed") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.over(d)
}

// The policy of docs/live.md may not allow what a rule tries with an invalid name.
func TestARuleThatMayNotBeTriedIsNoFailure(t *testing.T) {
	t.Parallel()
	l := start(t)
	l.Secrets.Intercept(on("TagResource", secretstest.Fail(400, "AccessDeniedException")))
	d := l.drill(io.Discard)
	if f := l.perform(d, "rules"); f.Verdict != passed || !strings.Contains(f.Says, "for these a right is missing: ") {
		t.Errorf("%s: %s", f.Verdict, f.Says)
	}
	l.Secrets.Intercept(nil)
	l.over(d)
}

// What is left must not depend on Heroku's good days, nor on the drill's own faults.
func TestEverythingIsRemovedAfterATroubleToo(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	l.Heroku.Wrap(herokutest.On("DELETE /apps/{app}", herokutest.Times(1, herokutest.HTML503())))
	faulty := []check{{name: "faulty", run: func(x *trial) { _ = x.Figures[x.findings[0].Check] }}}
	file := filepath.Join(t.TempDir(), "report")
	if code := d.drill(t.Context(), faulty, file, io.Discard); code != 1 || len(d.findings) != 1 || !strings.Contains(d.findings[0].Says, "index out of range") {
		t.Errorf("status %d, %v", code, d.findings)
	}
	l.nothingLeft()
}

func TestATokenOrARulesSecretThatWasNotRemovedAtOnceIsRemovedAtTheEnd(t *testing.T) {
	t.Parallel()
	l := start(t)
	d := l.drill(io.Discard)
	l.Heroku.Wrap(herokutest.On("POST /oauth/authorizations", herokutest.Times(1, loseAnswer)))
	l.perform(d, "scopes")
	if left := l.left(); len(left) != 3 {
		t.Errorf("after a lost answer %q is left, want a token, an app and a secret", left)
	}
	l.Heroku.Wrap(herokutest.On("DELETE /oauth/authorizations/{authorization}", herokutest.Times(4, herokutest.HTML503())))
	var failures atomic.Int32
	l.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action == "DeleteSecret" && strings.Contains(c.SecretID, "/rule-") && failures.Add(1) <= 11 {
			return secretstest.Fail(500, "InternalServiceError")
		}
		return nil
	})
	for _, name := range []string{"scopes", "rules"} {
		if f := l.perform(d, name); f.Verdict != passed {
			t.Errorf("%s: %s: %s", name, f.Verdict, f.Says)
		}
	}
	if left := l.left(); len(left) < 9 { // an app, a secret, five tokens, two or more secrets of rules
		t.Errorf("before the end %q is left", left)
	}
	l.over(d)
}

// It can be the app of another user, who has let this one see it.
func TestALeftoverThatCannotBeRemovedStopsNothing(t *testing.T) {
	t.Parallel()
	l := start(t)
	out := &output{}
	d := l.drill(out)
	if err := d.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	unwrap := l.Heroku.Wrap(herokutest.On("DELETE /apps/{app}", herokutest.Refuse(403, "forbidden")))
	left, err := d.leftovers(t.Context())
	if err != nil || len(left) != 2 {
		t.Errorf("left is %v, %v", left, err)
	}
	d.removeLeftovers(t.Context(), left, bufio.NewReader(strings.NewReader("y\n")))
	if !strings.Contains(out.String(), " is left: ") || !strings.Contains(out.String(), "removed the secret ") {
		t.Errorf("it says\n%s", out)
	}
	unwrap()
	l.over(d)
}

// An hourly stack is drilled for hours.
func TestUnaskedOnlyWhatIsOlderThanAnyDrillIsRemoved(t *testing.T) {
	t.Parallel()
	var removed []string
	left := func(what string, age time.Duration) leftover {
		return leftover{step{what, func(context.Context) error { removed = append(removed, what); return nil }}, time.Now().Add(-age)}
	}
	d := newDrill(options{yes: true}, nil, new(herokuAPI), io.Discard)
	d.pace = livePace(time.Minute, 1)
	d.removeLeftovers(t.Context(), []leftover{left("young", 82*time.Hour), left("old", 8*24*time.Hour)}, nil)
	if !slices.Equal(removed, []string{"old"}) {
		t.Errorf("it removes %v", removed)
	}
}

func TestNothingIsTouchedWhereANameIsTaken(t *testing.T) {
	t.Parallel()
	t.Run("the app's", func(t *testing.T) {
		t.Parallel()
		l := start(t)
		d := l.drill(io.Discard)
		l.Heroku.CreateForeignApp(appPrefix + d.mark)
		if code := d.drill(t.Context(), checks, filepath.Join(t.TempDir(), "report"), io.Discard); code != 2 || len(d.findings) > 0 {
			t.Errorf("status %d, %v", code, d.findings)
		}
		if calls := l.Heroku.Calls(); calls["DELETE /apps/{app}"] > 0 {
			t.Error("it has tried to remove the app")
		}
		l.nothingLeft()
	})
	t.Run("the account may have no further app", func(t *testing.T) {
		t.Parallel()
		l := start(t)
		d := l.drill(io.Discard)
		unwrap := l.Heroku.Wrap(herokutest.On("POST /apps", herokutest.Status(422, "application/json", `{"id":"invalid_params","message":"You have reached your limit"}`)))
		if err := d.prepare(t.Context()); err == nil || errors.Is(err, errTaken) || !strings.Contains(err.Error(), "reached your limit") || len(d.undo) > 0 {
			t.Errorf("got error %v, and %d things to undo", err, len(d.undo))
		}
		unwrap()
		// An answer that is lost says nothing: the app is there.
		l.Heroku.Wrap(herokutest.On("POST /apps", loseAnswer))
		if err := d.prepare(t.Context()); err == nil || len(d.undo) != 1 {
			t.Errorf("got error %v, and %d things to undo", err, len(d.undo))
		}
		l.over(d)
	})
	t.Run("the secret's", func(t *testing.T) {
		t.Parallel()
		l := start(t)
		d := l.drill(io.Discard)
		name := secretPrefix + d.mark + "/follows"
		if _, err := l.AWS.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{Name: &name, SecretString: new("somebody's"), Description: new("of the shop")}); err != nil {
			t.Fatal(err)
		}
		if err := d.prepare(t.Context()); !errors.Is(err, errTaken) {
			t.Errorf("got error %v", err)
		}
		if err := d.cleanUp(t.Context()); err != nil {
			t.Error(err)
		}
		if value, err := l.Value(t.Context(), name); value != "somebody's" {
			t.Errorf("the secret holds %q, %v", value, err)
		}
		l.nothingLeft() // of a drill's: a later one does not offer to remove it
	})
}

func TestADrillThatIsInterruptedLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"the beginning", "swap", "subscribe", "webhook", "forged", "off", "scopes", "rules"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			l := start(t)
			ctx, interrupt := context.WithCancel(t.Context())
			defer interrupt()
			d := l.drill(writer(func(p []byte) {
				if at != "rules" && strings.Contains(string(p), "  "+at+" ") {
					time.AfterFunc(20*time.Millisecond, interrupt)
				}
			}))
			l.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
				if strings.Contains(c.SecretID, "/rule-") {
					interrupt()
				}
				return nil
			})
			file := filepath.Join(t.TempDir(), "report.json")
			d.pace.rounds = 1000
			chosen := named(t, "swap", "list", "subscribe", "webhook")
			switch at {
			case "the beginning":
				interrupt()
			case "forged", "off", "scopes", "rules":
				chosen = named(t, "subscribe", at, "webhook")
			}
			if code := d.drill(ctx, chosen, file, io.Discard); code != 2 {
				t.Errorf("status %d", code)
			}
			l.nothingLeft()
			text, err := os.ReadFile(file)
			var r report
			if err = errors.Join(err, json.Unmarshal(text, &r)); err != nil || r.Complete || !r.Removed {
				t.Errorf("the report: %v, %s", err, text)
			}
		})
	}
}

type writer func(p []byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func TestHowLongHerokuWaitsIsToldFromItsOwnClock(t *testing.T) {
	t.Parallel()
	// attempts are the last ones of the deliveries: the seconds until an answer, with its status, or until Heroku gave up.
	type attempt struct {
		seconds, status int
		gaveUp          string
	}
	for want, attempts := range map[string][]attempt{
		"not checked: no delivery was answered late":        {{0, 204, ""}, {0, 401, ""}},
		"at least 11s: then an answer with status 503 came": {{10, 503, ""}, {11, 503, ""}, {0, 204, ""}},
		"5s: then it gave up (timeout)":                     {{1, 204, ""}, {5, 0, "timeout"}},
	} {
		var deliveries []delivery
		for _, a := range attempts {
			text := fmt.Sprintf(`{"last_attempt":{"created_at":"2026-11-26T00:00:00Z","updated_at":"2026-11-26T00:00:%02dZ","code":%d}}`, a.seconds, a.status)
			if a.gaveUp != "" {
				text = fmt.Sprintf(`{"last_attempt":{"created_at":"2026-11-26T00:00:00Z","updated_at":"2026-11-26T00:00:%02dZ","code":null,"error_class":%q}}`, a.seconds, a.gaveUp)
			}
			var d delivery
			if err := json.Unmarshal([]byte(text), &d); err != nil {
				t.Fatal(err)
			}
			deliveries = append(deliveries, d)
		}
		x := &trial{drill: &drill{}}
		x.tellWaited(append(deliveries, delivery{}))
		if len(x.facts) != 1 || x.facts[0].Answer != want {
			t.Errorf("%v, want %q", x.facts, want)
		}
	}
}
