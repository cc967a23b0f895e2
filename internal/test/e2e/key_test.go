package e2e_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/internal/report"
	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/lambdatest"
	"keepcurrent.example/internal/testserver/redistest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

const stripe = "sk-live-EXAMPLE-of-others" // a credential of others

// object is a value with a key of ours between keys of others.
func object(first int, url string, second int) string {
	return fmt.Sprintf("{ \"first\" : %d,\"price\":1.50 ,\n  \"DATABASE_URL\": \"%s\",\n\t\"STRIPE_KEY\":\"%s\",\"second\": %d }\n", first, url, stripe, second)
}

var objectForm = regexp.MustCompile("(?s)^" + strings.NewReplacer("-1", `(\d+)`, "URL-HERE", `([^"]*)`).Replace(regexp.QuoteMeta(object(-1, "URL-HERE", -1))) + "$")

// Two careful writers edit other keys while three of our runs publish each of twenty
// rotations. A careful writer reads, puts a version under a label of its own, swaps from
// what it has read, and begins again if it lost.
func TestNothingIsLostBetweenWritersOfOtherKeysAndRunsOfOurs(t *testing.T) {
	t.Parallel()
	const rotations = 20
	s := openShop(t, stacktest.Config{})
	s.Plant(stripe)
	s.secret = s.bind(s.app.Name, "shop/service", "heroku:format=key")
	s.put(s.secret, object(0, "", 0))
	s.poll()
	c := &chronicle{shop: s, order: []string{s.db.URL()}}
	s.Secrets.Intercept(c.intercept)
	fenced := make(chan struct{}, 100)
	s.Heroku.Wrap(herokutest.On(configVars, func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case fenced <- struct{}{}:
			default:
			}
			api.ServeHTTP(w, r)
		})
	}))
	for n := range rotations {
		s.Secrets.SetNow(func() time.Time { return time.Now().Add(time.Duration(n) * 25 * time.Hour) }) // AWS keeps a version without a label for a day
		s.rotate()
		c.shown(s.db.URL())
		var all sync.WaitGroup
		// A run begins again after four conflicts. It meets one with another run of ours at
		// most, and these three.
		for _, key := range []string{"first", "second", []string{"first", "second"}[n%2]} {
			all.Go(func() {
				<-fenced // a run has read its fence, and does not know this edit
				c.increment(key)
			})
		}
		for range 2 {
			all.Go(func() {
				if status := s.announce(s.app); status != 204 {
					t.Errorf("rotation %d: a webhook answers %d", n, status)
				}
			})
		}
		all.Go(func() {
			if report, err := s.Poll(t.Context()); err != nil || report.Failed+report.Held > 0 {
				t.Errorf("rotation %d: %+v, %v", n, report, err)
			}
		})
		all.Wait()
		for len(fenced) > 0 {
			<-fenced
		}
		s.around = around(s.value(s.secret), s.db.URL())
		s.equal()
	}
	if got, want := s.value(s.secret), object(rotations*3/2, s.db.URL()+"?sslmode=require", rotations*3/2); got != want {
		t.Error("an increment is lost, or a byte of the others")
	}
	conflicts := 0
	for _, log := range [][]byte{s.Webhook.Logs(), s.Poller.Logs()} {
		for _, line := range lines(log) {
			conflicts += line.Conflicts
		}
	}
	t.Logf("%d versions were current; our runs lost %d swaps, and the writers %d", c.seen, conflicts, c.lost)
	if conflicts == 0 || c.seen < rotations*4 {
		t.Error("they did not meet")
	}
}

// around is what a value has before a URL of ours and behind it.
func around(value, url string) (texts [2]string) {
	texts[0], texts[1], _ = strings.Cut(value, url+"?sslmode=require")
	return texts
}

// chronicle sees each version of a shop's secret that becomes current.
type chronicle struct {
	*shop
	swapping sync.Mutex // one at a time, to see each version

	mu          sync.Mutex // guards what follows
	order       []string   // the URLs that Heroku has shown
	seen, lost  int
	last        [2]int // counters of the version that was seen last
	publication int    // of its URL
}

func (c *chronicle) shown(url string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order = append(c.order, url)
}

func (c *chronicle) intercept(call secretstest.Call) secretstest.Fault {
	if call.Action != "UpdateSecretVersionStage" || call.SecretID != c.secret {
		return nil
	}
	return func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		c.swapping.Lock()
		defer c.swapping.Unlock()
		work.ServeHTTP(w, r)
		c.see(c.value(c.secret))
	}
}

// see fails the test if a version that became current has lost anything.
func (c *chronicle) see(value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen++
	parts := objectForm.FindStringSubmatch(value)
	if parts == nil {
		c.t.Errorf("others have lost bytes: %q", strings.ReplaceAll(value, c.db.URL(), "(the URL)"))
		return
	}
	first, _ := strconv.Atoi(parts[1])
	second, _ := strconv.Atoi(parts[3])
	publication := slices.Index(c.order, strings.TrimSuffix(parts[2], "?sslmode=require"))
	if first < c.last[0] || second < c.last[1] || publication < c.publication {
		c.t.Errorf("it went back, from %v at rotation %d to %d and %d at rotation %d", c.last, c.publication, first, second, publication)
	}
	c.last, c.publication = [2]int{first, second}, publication
}

// increment adds one to a counter, as a careful writer does.
func (c *chronicle) increment(key string) {
	number := regexp.MustCompile(`("` + key + `" ?: )(\d+)`)
	label := "WRITER_" + strings.ToUpper(key)
	for {
		there, err := c.AWS.GetSecretValue(c.t.Context(), &secretsmanager.GetSecretValueInput{SecretId: &c.secret, VersionStage: aws.String("AWSCURRENT")})
		if err != nil {
			c.t.Error(err)
			return
		}
		edited := number.ReplaceAllStringFunc(*there.SecretString, func(text string) string {
			parts := number.FindStringSubmatch(text)
			n, _ := strconv.Atoi(parts[2])
			return parts[1] + strconv.Itoa(n+1)
		})
		put, err := c.AWS.PutSecretValue(c.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &c.secret, SecretString: &edited, VersionStages: []string{label}})
		if err != nil {
			c.t.Error(err)
			return
		}
		_, err = c.AWS.UpdateSecretVersionStage(c.t.Context(), &secretsmanager.UpdateSecretVersionStageInput{
			SecretId: &c.secret, VersionStage: aws.String("AWSCURRENT"), MoveToVersionId: put.VersionId, RemoveFromVersionId: there.VersionId})
		var refused smithy.APIError
		switch {
		case err == nil:
			return
		case !errors.As(err, &refused) || refused.ErrorCode() != "InvalidParameterException":
			c.t.Error(err)
			return
		}
		c.mu.Lock()
		c.lost++
		c.mu.Unlock()
	}
}

// line is one of a function's log about a binding.
type line struct {
	Msg, ConfigVar, Secret, Error string
	Conflicts                     int
}

// lines are those of a log that are about a binding.
func lines(log []byte) (all []line) {
	for text := range bytes.Lines(log) {
		var l line
		if json.Unmarshal(text, &l) == nil && l.ConfigVar != "" {
			all = append(all, l)
		}
	}
	return all
}

// outcomes are those of the last run in a log, by config var.
func (s *stack) outcomes(f *lambdatest.Function, run func()) string {
	s.t.Helper()
	before := len(f.Logs())
	run()
	var texts []string
	for _, l := range lines(f.Logs()[before:]) {
		texts = append(texts, l.ConfigVar+" "+l.Msg)
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func TestConfigVarsOfOneSecretAreBindingsOfTheirOwn(t *testing.T) {
	t.Parallel()
	store := redistest.Run(t)
	s := openShop(t, stacktest.Config{Timeout: hurried.Timeout})
	s.remove(s.secret)
	follower := s.database()
	s.app.Set("REDIS_URL", store.URL())
	s.app.Set("FOLLOWER_URL", follower.URL())
	s.app.Set("LOG_URL", follower.URL()+"?application_name=EXAMPLE")
	s.secret = s.bind(s.app.Name, "shop/service", "heroku:format=key", "heroku:config-var=DATABASE_URL REDIS_URL FOLLOWER_URL LOG_URL", "heroku:key=db cache FOLLOWER_URL log")
	const others = "{\n  \"price\": 1.50,\n  \"big\": 12345678901234567890"
	s.put(s.secret, others+"\n}\n")
	report := s.poll()
	if got := changed(report); got != "DATABASE_URL FOLLOWER_URL LOG_URL REDIS_URL" || report.Published != 4 || report.Bindings != 4 {
		t.Errorf("report: %+v", report)
	}
	oldFollower, oldLog := follower.URL(), follower.URL()+"?application_name=EXAMPLE&sslmode=require"
	holds := func() {
		t.Helper()
		var got map[string]any
		value := s.value(s.secret)
		s.must(json.Unmarshal([]byte(value), &got))
		if got["db"] != s.db.URL()+"?sslmode=require" || got["cache"] != store.URL() || got["FOLLOWER_URL"] != oldFollower+"?sslmode=require" || got["log"] != oldLog {
			t.Error("a key does not hold what it ought to")
		}
		if !strings.HasPrefix(value, others) || !strings.HasSuffix(value, "\n}\n") || len(got) != 6 {
			t.Error("keys of others have lost bytes")
		}
	}
	holds()

	s.rotate()
	s.must(store.Rotate(t.Context()))
	s.app.Set("REDIS_URL", store.URL())
	s.app.Set("FOLLOWER_URL", strings.Replace(oldFollower, "@", "-wrong-EXAMPLE@", 1))
	s.app.Unset("LOG_URL")
	const heldAndMissing = "FOLLOWER_URL held, LOG_URL failed"
	got := s.outcomes(s.Webhook, func() {
		if status := s.announce(s.app); status != 503 { // Heroku may show the missing one soon
			t.Errorf("status %d", status)
		}
	})
	if got != "DATABASE_URL published, "+heldAndMissing+", REDIS_URL published" {
		t.Error(got)
	}
	holds()
	for round := range 4 { // the first reads, the second puts the candidate of the one that is held
		s.Secrets.ResetCalls()
		got := s.outcomes(s.Poller, func() {
			if message := s.failingPoll(); !strings.Contains(message, "1 of 4 bindings failed") || !strings.Contains(message, "LOG_URL") {
				t.Error(message)
			}
		})
		if !strings.Contains(got, heldAndMissing) || strings.Contains(got, "published") {
			t.Errorf("round %d: %s", round, got)
		}
		if calls := s.Secrets.Calls(); round > 1 && calls["PutSecretValue"]+calls["UpdateSecretVersionStage"] > 0 {
			t.Errorf("round %d: %v", round, calls)
		}
	}
	holds()
	var plan []string
	for _, l := range s.poll(`{"dryRun":true}`).Plan {
		plan = append(plan, fmt.Sprint(l.ConfigVar, " ", l.Outcome, " ", l.Changes))
	}
	slices.Sort(plan)
	if got := strings.Join(plan, ", "); got != "DATABASE_URL unchanged [], FOLLOWER_URL held [key FOLLOWER_URL password], LOG_URL failed [], REDIS_URL unchanged []" {
		t.Error(got)
	}
}

// changed names the config vars that a report says were published.
func changed(r report.Report) string {
	var names []string
	for _, l := range r.Changes {
		names = append(names, string(l.ConfigVar))
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// Ten secrets with three keys of ours each. A person edits other keys of one of them.
func TestAThousandPollsBesideOtherKeysReadAndWriteNothing(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{Env: []string{"LOG_LEVEL=warn"}})
	s.Heroku.SetRateLimit(1 << 30)
	app := s.Heroku.CreateApp("shop")
	for _, name := range []string{"A_URL", "B_URL", "C_URL"} {
		app.Set(name, "postgres://u:pEXAMPLE@"+strings.ToLower(name[:1])+".example:5432/d")
	}
	var secrets []string
	for n := range 10 {
		secret := s.bind("shop", fmt.Sprint("shop/", n), "heroku:format=key", "heroku:config-var=A_URL B_URL C_URL", "heroku:verify=off")
		s.put(secret, `{"STRIPE_KEY":"EXAMPLE","edits":0}`)
		secrets = append(secrets, secret)
	}
	if report := s.poll(); report.Published != 30 {
		t.Fatalf("report: %+v", report)
	}
	var mu sync.Mutex
	var reads []string // of values, by their secrets
	s.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		mu.Lock()
		defer mu.Unlock()
		if c.Action == "GetSecretValue" && slices.Contains(secrets, c.SecretID) {
			reads = append(reads, c.SecretID)
		}
		return nil
	})
	taken := func() []string {
		mu.Lock()
		defer mu.Unlock()
		all := reads
		reads = nil
		return all
	}
	s.Secrets.ResetCalls()
	for n := range 1000 {
		most := 0
		switch {
		case n%100 == 50: // a person edits another key
			secret := secrets[n/100]
			s.put(secret, strings.Replace(s.value(secret), `"edits":0`, fmt.Sprintf(`"edits":%d`, n), 1))
			s.Secrets.ResetCalls()
			most = 1
		case n == 500: // a new container knows none of the versions
			s.Poller.Kill()
			most = 10
		}
		taken()
		if report := s.poll(); report.Unchanged != 30 {
			t.Fatalf("poll %d: %+v", n, report)
		}
		if got := taken(); len(got) != most || len(slices.Compact(slices.Sorted(slices.Values(got)))) != most {
			t.Fatalf("poll %d read %v", n, got)
		}
		s.untouched()
	}
}

func TestAValueThatCannotTakeAKeyIsAPersonsMatter(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ value, says string }{
		"a URL":             {"postgres://u:pEXAMPLE@h/d", "not one JSON object"},
		"a list":            {`["EXAMPLE"]`, "not one JSON object"},
		"a cut object":      {`{"STRIPE_KEY":"EXAMPLE"`, "not one JSON object"},
		"the key twice":     {`{"db":"EXAMPLE","x":1.50,"\u0064b":"EXAMPLE"}`, "names the key twice"},
		"no bytes are left": {`{"a":"` + strings.Repeat("x", 65_500) + `"}`, "65,536 bytes"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{Timeout: hurried.Timeout})
			other := s.bind(s.app.Name, "shop/service", "heroku:format=key", "heroku:key=db")
			s.put(other, tt.value)
			s.rotate()
			s.Secrets.ResetCalls()
			if status := s.announce(s.app); status != 204 {
				t.Errorf("the webhook answers %d", status)
			}
			s.equal() // the app's other secret
			message := s.failingPoll()
			plan := s.poll(`{"dryRun":true}`).Plan
			i := slices.IndexFunc(plan, func(l report.Line) bool { return l.Secret == "shop/service" })
			logged := func(log []byte) string {
				for _, l := range lines(log) {
					if l.Secret == "shop/service" {
						return l.Msg + " " + l.Error
					}
				}
				return ""
			}
			for where, text := range map[string]string{
				"the webhook's log": logged(s.Webhook.Logs()),
				"the poller's log":  logged(s.Poller.Logs()),
				"the failure":       message,
				"the plan":          string(plan[i].Outcome + " " + plan[i].Error),
			} {
				if !strings.Contains(text, "failed") || !strings.Contains(text, "shop/service") || !strings.Contains(text, "key db") || !strings.Contains(text, tt.says) {
					t.Errorf("%s says %s", where, text)
				}
			}
			if s.value(other) != tt.value || s.Secrets.Calls()["PutSecretValue"] != 1 { // into the other secret
				t.Error("it was written to")
			}
			s.put(other, `{"x":1.50}`)
			s.poll()
			if s.value(other) != `{"x":1.50,"db":"`+s.db.URL()+`?sslmode=require"}` {
				t.Error("a person's repair does not help")
			}
		})
	}
}

func TestAnEmptySecretBecomesAnObject(t *testing.T) {
	t.Parallel()
	for _, trigger := range []string{webhook, poller} {
		t.Run(trigger, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.secret = s.bind(s.app.Name, "shop/service", "heroku:format=key", "heroku:key=db")
			s.around = [2]string{`{"db":"`, `"}`}
			if trigger == webhook {
				s.announce(s.app)
			} else if got := changed(s.poll()); got != "DATABASE_URL" {
				t.Error(got)
			}
			s.equal()
			s.awsCallsWrite(1, 0)
		})
	}
}

// awsCallsWrite fails the test unless that many values were put, and labels moved.
func (s *stack) awsCallsWrite(puts, swaps int) {
	s.t.Helper()
	calls := s.Secrets.Calls()
	if calls["PutSecretValue"] != puts || calls["UpdateSecretVersionStage"] != swaps {
		s.t.Errorf("calls of Secrets Manager: %v", calls)
	}
}
