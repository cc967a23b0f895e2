package reconcile_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/reconcile"
)

func TestAnInspectionChecksEveryBindingAndSaysWhatWouldChange(t *testing.T) {
	t.Parallel()
	const no = "the server refuses the login"
	tests := map[string]struct {
		shown  int   // the URL that Heroku shows; two of the secrets hold 1
		answer error // to a login with it
		want   map[string]string
	}{
		"equal":                         {1, nil, map[string]string{"json": "unchanged [] <nil>", "url": "unchanged [] <nil>", "empty": "published [everything] <nil>"}},
		"another password":              {2, nil, map[string]string{"json": "published [password] <nil>", "url": "published [password] <nil>", "empty": "published [everything] <nil>"}},
		"another password, and refused": {2, reconcile.ErrRefused, map[string]string{"json": "held [password] " + no, "url": "held [password] " + no, "empty": "held [everything] " + no}},
		"equal, and refused":            {1, reconcile.ErrRefused, map[string]string{"json": "held [] " + no, "url": "held [] " + no, "empty": "held [everything] " + no}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.account.show(1)
			h.mustPublish(h.bind("json"))
			h.mustPublish(h.bind("url", "heroku:format=url"))
			h.bind("empty")
			h.account.show(tt.shown)
			h.database.answer(tt.shown, tt.answer)
			h.reconciler.DryRun, h.reconciler.Inspect = true, true
			got := make(map[string]string)
			for _, r := range h.poll() {
				login := errors.New("no login")
				if r.Login != nil {
					login = r.Login.Err
				}
				got[r.Name] = fmt.Sprint(r.Outcome, " ", r.Changes, " ", login)
			}
			if !maps.Equal(got, tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// One request for an app says it of all its bindings.
func TestAnInspectionSaysWhoseCredentialEachURLHas(t *testing.T) {
	t.Parallel()
	told := map[string]reconcile.Credential{"DATABASE_URL": "default", "REPORTS_URL": "named", "CACHE_URL": "default"}
	for name, tt := range map[string]struct {
		answer func() (map[string]reconcile.Credential, error)
		spare  bool
		want   string // of DATABASE_URL, REPORTS_URL, COPY_URL
		asked  int64
	}{
		"told":                     {func() (map[string]reconcile.Credential, error) { return told, nil }, true, "default named unknown", 1},
		"refused":                  {func() (map[string]reconcile.Credential, error) { return nil, errors.New("Heroku answered 403") }, true, "unknown unknown unknown", 1},
		"a defect":                 {func() (map[string]reconcile.Credential, error) { panic("EXAMPLE") }, true, "  ", 1},
		"only the reserve is left": {nil, false, "unknown unknown unknown", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.account.set(map[string]string{"DATABASE_URL": url(1), "REPORTS_URL": url(2), "COPY_URL": url(3), "CACHE_URL": "rediss://:pEXAMPLE@h"})
			h.account.spare, h.account.credentials = func() bool { return tt.spare }, tt.answer
			h.reconciler.DryRun, h.reconciler.Inspect = true, true
			for _, v := range []string{"DATABASE_URL", "REPORTS_URL", "COPY_URL", "CACHE_URL", "MISSING_URL"} {
				h.bind(v, "heroku:config-var="+v)
			}
			h.bind("off", "heroku:sync=off")
			got, failed := make(map[string]reconcile.Credential), 0
			for _, r := range h.poll() {
				got[r.Name] = r.Credential
				if r.Outcome == reconcile.Failed {
					failed++
				}
			}
			if all := fmt.Sprint(got["DATABASE_URL"], " ", got["REPORTS_URL"], " ", got["COPY_URL"]); all != tt.want || h.account.asked.Load() != tt.asked {
				t.Errorf("got %q after %d requests", all, h.account.asked.Load())
			}
			if got["CACHE_URL"]+got["MISSING_URL"]+got["off"] != "" || failed != 1 { // the missing one
				t.Errorf("got %q, %d failed", got, failed)
			}
		})
	}
}

func TestAPollAsksForNoCredentials(t *testing.T) {
	t.Parallel()
	for _, dryRun := range []bool{false, true} {
		h := newFixture(t)
		h.account.show(1)
		h.bind("shop")
		h.reconciler.DryRun = dryRun // as of a stack that is paused
		if r := h.poll()[0]; r.Outcome != reconcile.Published || r.Credential != "" || h.account.asked.Load() > 0 {
			t.Errorf("dry run %t: %+v", dryRun, r)
		}
	}
}

// A full server does not show whether the credential is valid; the inspection reports that.
func TestAnInspectionSaysWhyAnEqualSecretDoesNotLogIn(t *testing.T) {
	t.Parallel()
	h, _ := upToDate(t)
	h.reconciler.DryRun, h.reconciler.Inspect = true, true
	for _, answer := range []error{nil, full} {
		h.database.answer(1, answer)
		if r := h.poll()[0]; r.Outcome != reconcile.Unchanged || !errors.Is(r.Err, answer) || (r.Err == nil) != (answer == nil) {
			t.Errorf("%s: %v", r.Outcome, r.Err)
		}
	}
}

// A person who tags an existing secret must learn which keys it would lose.
func TestAnInspectionNamesWhatAnAdoptedSecretWouldLose(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		value, format, want string
	}{
		"the same URL in the other format":     {url(1), "json", "[format]"},
		"the same URL, and a key of another's": {`{"DATABASE_URL":"` + url(1) + `","STRIPE_KEY":"EXAMPLE"}`, "json", "[other keys]"},
		"as well, and the URL alone is wanted": {`{"DATABASE_URL":"` + url(1) + `","STRIPE_KEY":"EXAMPLE"}`, "url", "[other keys]"},
		"another URL, and a key of another's":  {`{"DATABASE_URL":"` + url(2) + `","STRIPE_KEY":"EXAMPLE"}`, "json", "[password other keys]"},
		"what is no URL":                       {`{"STRIPE_KEY":"EXAMPLE"}`, "json", "[everything]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.account.show(1)
			b := h.bind("adopted", "heroku:format="+tt.format)
			if _, err := h.client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &b.ARN, SecretString: &tt.value}); err != nil {
				t.Fatal(err)
			}
			h.reconciler.DryRun, h.reconciler.Inspect = true, true
			if results := h.poll(); len(results) != 1 || fmt.Sprint(results[0].Changes) != tt.want {
				t.Errorf("got %+v, want %s", results, tt.want)
			}
		})
	}
}

// A run that writes would publish all the same; a dry run is there to tell.
func TestADryRunTellsThatAValueCannotBeRead(t *testing.T) {
	t.Parallel()
	denied := errors.New("AccessDeniedException")
	for _, inspect := range []bool{false, true} {
		h, b := upToDate(t)
		h.account.show(2)
		h.reconciler.Secrets = unreadable{h.reconciler.Secrets, func() error { return denied }}
		h.reconciler.DryRun, h.reconciler.Inspect = true, inspect
		if r := h.update(b); r.Outcome != reconcile.Failed || !errors.Is(r.Err, denied) {
			t.Errorf("inspecting %t: %s: %v", inspect, r.Outcome, r.Err)
		}
	}
}

// What one attempt found is no matter once the next one has ended at the fence.
func TestASecretThatWasOptedOutMeanwhileHasNoChanges(t *testing.T) {
	t.Parallel()
	h, b := upToDate(t)
	h.account.before = func(read int) {
		if read == 1 { // a conflict
			h.put(b, want(3))
			h.tag(b, reconcile.SyncTag, "off")
		}
	}
	h.account.show(2)
	h.reconciler.DryRun, h.reconciler.Inspect = true, true
	if r := h.poll()[0]; r.Outcome != reconcile.Off || r.Changes != nil {
		t.Errorf("%s, changes %v", r.Outcome, r.Changes)
	}
}

// A person must learn which keys would change, and that no other key would.
func TestAnInspectionNamesTheKeysThatWouldChange(t *testing.T) {
	t.Parallel()
	const others = `"STRIPE_KEY":"EXAMPLE"`
	for name, tt := range map[string]struct {
		value string
		want  string // of DATABASE_URL, CACHE_URL and LOG_URL
	}{
		"nothing is there":          {"", "[key db] [key cache] [key LOG_URL]"},
		"an object of others":       {`{` + others + `}`, "[key db] [key cache] [key LOG_URL]"},
		"what is no URL":            {`{` + others + `,"db":"EXAMPLE","cache":7}`, "[key db] [key cache] [key LOG_URL]"},
		"one has another password":  {`{"db":"` + want(9) + `",` + others + `,"cache":"` + want(2) + `","LOG_URL":"` + want(3) + `"}`, "[key db password] [] []"},
		"all are equal":             {`{"db":"` + want(1) + `",` + others + `,"cache":"` + want(2) + `","LOG_URL":"` + want(3) + `"}`, "[] [] []"},
		"equal, and of another use": {`{"DATABASE_URL":"` + want(1) + `","db":"` + want(1) + `","cache":"` + want(2) + `","LOG_URL":"` + want(3) + `"}`, "[] [] []"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.three(1, 2, 3)
			h.several("orders", tt.value)
			h.aws.ResetCalls()
			h.reconciler.DryRun, h.reconciler.Inspect = true, true
			changes := make(map[string][]string)
			for _, r := range h.poll() {
				changes[r.ConfigVar] = r.Changes
			}
			if got := fmt.Sprint(changes["DATABASE_URL"], changes["CACHE_URL"], changes["LOG_URL"]); len(changes) != 3 || got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if h.writes() > 0 {
				t.Error("it has written")
			}
		})
	}
}
