package main

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/herokutest"
)

func TestAnEventIsARelease(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 11, 21, 10, 15, 29, 0, time.UTC)
	tests := map[string]struct {
		body string
		want string // the release, "none" for an event that is none, or the error
	}{
		"a name and an id":       {`{"resource":"release","data":{"app":{"name":"shop","id":"1"},"created_at":"2026-11-21T10:15:29Z"}}`, fmt.Sprint(release{"1", "shop", made})},
		"a name alone":           {`{"resource":"release","data":{"app":{"name":"shop"}}}`, fmt.Sprint(release{"", "shop", time.Time{}})},
		"an id alone":            {`{"resource":"release","data":{"app":{"id":"1"}}}`, fmt.Sprint(release{"1", "", time.Time{}})},
		"a time that is none":    {`{"resource":"release","data":{"app":{"name":"shop"},"created_at":"today"}}`, fmt.Sprint(release{"", "shop", time.Time{}})},
		"no app":                 {`{"resource":"release","data":{}}`, "the release event names no app"},
		"an app that is no app":  {`{"resource":"release","data":{"app":{"name":"shop","id":7}}}`, "the release event names no app"},
		"another resource":       {`{"resource":"dyno","data":{}}`, "none"},
		"no resource":            {`{"data":{"app":{"name":"shop"}}}`, "the body is no webhook event"},
		"not JSON":               {`{"resource":"release"`, "the body is no webhook event"},
		"as large as it may be":  {`{"resource":"dyno"}` + strings.Repeat(" ", maxBody-19), "none"},
		"larger than it may be":  {`{"resource":"dyno"}` + strings.Repeat(" ", maxBody-18), "the body is larger than 1 MiB"},
		"a type that is another": {`{"resource":7}`, "the body is no webhook event"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := "none"
			switch r, err := parse([]byte(tt.body)); {
			case err != nil:
				got = err.Error()
			case r != nil:
				got = fmt.Sprint(*r)
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

// Heroku repeats what is not answered with a 2xx, so each answer must say what is to be done.
func TestADeliveryIsAnsweredByWhatBecameOfIt(t *testing.T) {
	t.Parallel()
	const ofShop = `{"resource":"release","data":{"app":{"name":"shop"}}}`
	tests := map[string]struct {
		body   string
		faults uint8
		status int
		last   string // of the calls
	}{
		"published":                       {ofShop, 0, 204, "config vars of shop"}, // whether Heroku still shows it
		"another app":                     {strings.Replace(ofShop, "shop", "other", 1), 0, 204, "list"},
		"what is no app":                  {strings.Replace(ofShop, "shop", "a/b", 1), 0, 204, ""},
		"another resource":                {strings.Replace(ofShop, "release", "dyno", 1), 0, 204, ""},
		"what is no event":                {`{}`, 0, 400, ""},
		"no key":                          {ofShop, noKey, 500, ""},
		"no list":                         {ofShop, noList, 503, "list"},
		"Heroku fails":                    {ofShop, noHeroku, 503, "config vars of shop"},
		"the first value does not log in": {ofShop, noLogin, 503, "login"},
		"only a person can repair it":     {ofShop, oddTag, 204, "describe arn"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &world{faults: tt.faults}
			answer, err := w.edge().handle(t.Context(), events.APIGatewayV2HTTPRequest{
				Headers: map[string]string{signatureHeader: herokutest.Sign(signingKey, []byte(tt.body))}, Body: tt.body,
			})
			last := ""
			if len(w.calls) > 0 {
				last = w.calls[len(w.calls)-1]
			}
			if err != nil || answer.StatusCode != tt.status || last != tt.last {
				t.Errorf("status %d after %q: %v\n%s", answer.StatusCode, w.calls, err, &w.log)
			}
			if isCounted := strings.Contains(w.counts.String(), "CloudWatchMetrics"); isCounted != (len(w.calls) > 1) {
				t.Errorf("the metrics are %q", &w.counts)
			}
		})
	}
}

// The answers to calls are kept for a moment, and not without bound.
func TestACallThatWasAnsweredAMomentAgoIsKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := (&exchange{}).calls()
		isKnown := func(version string) bool { return c.isKnown(call{"a", version}) }
		got := fmt.Sprint(isKnown("v1"), isKnown("v1"), isKnown("v2"))
		time.Sleep(minPause - time.Nanosecond)
		got += fmt.Sprint(" ", isKnown("v1"))
		time.Sleep(time.Nanosecond)
		if got += fmt.Sprint(" ", isKnown("v1")); got != "false true false true false" {
			t.Error(got)
		}
		for i := range 3 * maxAnswered {
			if isKnown(fmt.Sprint("new", i)) || len(c.answered) > maxAnswered {
				t.Fatalf("%d calls are remembered", len(c.answered))
			}
		}
		if !isKnown(fmt.Sprint("new", 3*maxAnswered-1)) {
			t.Error("the last one is forgotten")
		}
	})
}

func TestTheNextUpdateForConsumersWaits(t *testing.T) {
	t.Parallel()
	c := (&exchange{spare: true}).calls()
	start := time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name, version string
		at            time.Duration
		isTooSoon     bool
	}{
		{"the first", "v1", 0, false},
		{"within the pause", "v1", minPause - 1, true},
		{"after the pause", "v1", minPause, false},
		{"within the pause, which has doubled", "v1", 3*minPause - 1, true},
		{"after it", "v1", 3 * minPause, false},
		{"after the next, of another version", "v2", 7 * minPause, false},
		{"within its pause, which starts over", "v2", 8*minPause - 1, true},
		{"after it", "v2", 8 * minPause, false},
		{"the clock was set back", "v2", 0, false},
	} {
		why := c.tooSoon(reconcile.Secret{ARN: "a", Current: tt.version}, "", start.Add(tt.at))
		if (why != "") != tt.isTooSoon {
			t.Errorf("%s: %q", tt.name, why)
		}
	}
}

func TestABatchIsForTheCallsAndARequestForTheDeliveries(t *testing.T) {
	t.Parallel()
	w, x := &world{}, &exchange{spare: true}
	answer := dispatch(w.edge(), x.calls())
	got, err := answer(t.Context(), event{Records: []events.SQSMessage{message("a", "v1")}})
	if err != nil || got.StatusCode != 204 || len(x.asked) != 1 || w.log.Len() > 0 {
		t.Errorf("a batch: %d, %v", got.StatusCode, err)
	}
	got, err = answer(t.Context(), event{})
	if err != nil || got.StatusCode != 401 || len(x.asked) != 1 {
		t.Errorf("a request: %d, %v", got.StatusCode, err)
	}
}

// secretsOf are secrets that follow the app shop, as a list names them.
func secretsOf(ids ...string) (all []reconcile.Secret) {
	for _, id := range ids {
		all = append(all, reconcile.Secret{ARN: id, Name: id, Tags: map[string]string{reconcile.AppTag: "shop", reconcile.FormatTag: "url"}})
	}
	return all
}

// A list is minutes old. A secret that it names and that is gone is no failure, unless a new
// list names it, too.
func TestADeliveryForASecretThatWasRemovedSinceTheList(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		kept, listed []reconcile.Secret
		err          error // of the new list
		status       int
		logged       string // outcomes
	}{
		"nothing is gone":             {secretsOf("a"), nil, errAway, 204, "unchanged"},
		"it was the only one":         {secretsOf("gone"), nil, nil, 204, ""},
		"another has its place":       {secretsOf("gone"), secretsOf("a"), nil, 204, "unchanged"},
		"others are there":            {secretsOf("a", "gone"), secretsOf("a"), nil, 204, "unchanged"},
		"the new list names it":       {secretsOf("gone"), secretsOf("gone"), nil, 503, "failed"},
		"there is no new list":        {secretsOf("gone"), nil, errAway, 503, "bindings not found,failed"},
		"no list, and it was no kept": {nil, nil, errAway, 503, "bindings not found"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{spare: true}
			c := x.calls()
			d := &directory{
				First:   func(context.Context) ([]reconcile.Secret, bool, error) { return tt.kept, true, nil },
				ForApps: func(context.Context, ...string) ([]reconcile.Secret, error) { return tt.listed, tt.err },
				Keep:    time.Minute,
			}
			if err := d.Prefetch(t.Context()); err != nil {
				t.Fatal(err)
			}
			h := &handler{bindings: d, reconciler: &c.reconciler, metrics: c.metrics, remaining: func() (int, bool) { return 4000, true }}
			status := h.follow(t.Context(), c.log(t.Context(), trigger), release{AppName: "shop"})
			var logged []string
			for _, match := range regexp.MustCompile(`msg="?([a-z ]+?)"? [a-z]+=`).FindAllStringSubmatch(x.log.String(), -1) {
				logged = append(logged, match[1])
			}
			if slices.Sort(logged); status != tt.status || strings.Join(logged, ",") != tt.logged {
				t.Errorf("status %d, the log has %q", status, logged)
			}
			if hasResults := strings.Contains(tt.logged, "ed"); strings.Contains(x.metrics.String(), `"HerokuRequestsLeft":[4000]`) != hasResults {
				t.Errorf("the metrics are %s", &x.metrics)
			}
		})
	}
}

// retagged is an exchange in which a secret has got other tags since the list.
type retagged struct {
	*exchange
	tags map[string]string
}

func (x retagged) Describe(ctx context.Context, id string) (reconcile.Secret, error) {
	s, err := x.exchange.Describe(ctx, id)
	if id == "retagged" {
		maps.Copy(s.Tags, x.tags)
	}
	return s, err
}

func TestADeliveryUpdatesWhatFollowsTheAppInAnotherWayByNow(t *testing.T) {
	t.Parallel()
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	for name, tt := range map[string]struct {
		tags map[string]string
		want string // app, token and outcome of each result
	}{
		"by its id":           {map[string]string{reconcile.AppTag: id}, "[" + id + " unchanged, shop unchanged]"},
		"with another token":  {map[string]string{reconcile.TokenTag: "team/token"}, "[shop unchanged, shopteam/token unchanged]"},
		"another app":         {map[string]string{reconcile.AppTag: "other"}, "[other elsewhere, shop unchanged]"},
		"with an invalid tag": {map[string]string{reconcile.FormatTag: "xml"}, "[shop failed, shop unchanged]"},
		"by its id, wrongly":  {map[string]string{reconcile.AppTag: id, reconcile.FormatTag: "xml"}, "[" + id + " failed, shop unchanged]"},
		"no more":             {map[string]string{reconcile.SyncTag: "off"}, "[shop off, shop unchanged]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := &exchange{spare: true}
			c := x.calls()
			c.reconciler.Secrets = retagged{x, tt.tags}
			h := &handler{reconciler: &c.reconciler}
			var got []string
			for _, r := range h.update(t.Context(), []string{"shop", id}, bindings(secretsOf("retagged", "steady"))) {
				got = append(got, fmt.Sprint(r.App, r.TokenSecretID, " ", r.Outcome))
			}
			if slices.Sort(got); "["+strings.Join(got, ", ")+"]" != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
