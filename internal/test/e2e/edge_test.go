package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func TestEveryKindOfEventHasItsAnswer(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	want := map[string]int{
		"webhook-release-create":           204,
		"webhook-release-update":           204,
		"webhook-release-pending":          204,
		"webhook-release-failed":           204,
		"webhook-release-base64":           204,
		"webhook-release-other-app":        204,
		"webhook-release-without-app":      400,
		"webhook-addon-update":             204,
		"webhook-addon-attachment-create":  204,
		"webhook-addon-attachment-destroy": 204,
		"webhook-not-json":                 400,
		"webhook-unsigned":                 401,
		"webhook-forged":                   401,
		"webhook-refused":                  204,
		"poller-schedule":                  0,
		"poller-rule":                      0,
		"poller-by-hand":                   0,
		"poller-dry-run":                   0,
	}
	files, err := filepath.Glob("../../../events/*.json")
	s.must(err)
	if len(files) != len(want) {
		t.Errorf("%d files and %d answers", len(files), len(want))
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		event, err := os.ReadFile(file)
		s.must(err)
		if strings.HasPrefix(name, "poller-") {
			if report := s.poll(string(event)); report.Unchanged != 1 || report.DryRun != (name == "poller-dry-run") {
				t.Errorf("%s: %+v", name, report)
			}
			continue
		}
		out, err := s.Webhook.Invoke(t.Context(), event)
		s.must(err)
		var answer struct{ StatusCode int }
		s.must(json.Unmarshal(out, &answer))
		if answer.StatusCode != want[name] {
			t.Errorf("%s: %d, want %d", name, answer.StatusCode, want[name])
		}
	}
	s.untouched()
	if reads := s.Heroku.Calls()[configVars]; reads != 5+4 {
		t.Errorf("%d reads of config vars: 5 releases of the app and 4 rounds need 9", reads)
	}
}

// The gateway passes a body in base64 unless the content type is text. The vectors in
// webhook/testdata/signatures test the signatures themselves.
func TestASignedBodyIsTakenWhateverItsContentType(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	for _, contentType := range []string{"application/json", "application/vnd.heroku+json; version=3", "x"} {
		body := string(s.app.ReleaseEvent("update"))
		if status := s.deliver(request{body: body, contentType: contentType}); status != 204 {
			t.Errorf("%s: %d", contentType, status)
		}
		forged := herokutest.Sign("another-key-EXAMPLE", []byte(body))
		if status := s.deliver(request{body: body, contentType: contentType, signature: forged}); status != 401 {
			t.Errorf("%s, forged: %d", contentType, status)
		}
	}
	s.untouched()
}

func TestBodiesThatAreNoReleaseEvent(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	padded := func(size int) string {
		body := string(s.app.ReleaseEvent("update"))
		return body + strings.Repeat(" ", size-len(body))
	}
	tests := map[string]struct {
		body   string
		status int
	}{
		"0 bytes":               {"", 400},
		"not JSON":              {"release", 400},
		"cut JSON":              {`{"resource":"release"`, 400},
		"an array":              {`[]`, 400},
		"null":                  {`null`, 400},
		"an empty object":       {`{}`, 400},
		"a release without app": {`{"resource":"release","data":{}}`, 400},
		"a release of a string": {`{"resource":"release","data":"shop"}`, 400},
		"an app that is a list": {`{"resource":"release","data":{"app":["shop"]}}`, 400},
		"another resource":      {`{"resource":"dyno","data":{"app":{"name":"shop"}}}`, 204},
		"another app":           {`{"resource":"release","data":{"app":{"name":"other","id":"other"}}}`, 204},
		"an app that is a path": {`{"resource":"release","data":{"app":{"name":"../../account","id":"?"}}}`, 204},
		"fields of tomorrow":    {`{"resource":"release","data":{"app":{"name":"shop","id":"x","new":{}},"new":[1]},"new":null}`, 204},
		"a time that is none":   {`{"resource":"release","data":{"app":{"name":"shop"},"created_at":"yesterday"}}`, 204},
		"1 MiB":                 {padded(1 << 20), 204},
		"1 MiB + 1":             {padded(1<<20 + 1), 400},
	}
	for name, tt := range tests {
		if status := s.deliver(request{body: tt.body}); status != tt.status {
			t.Errorf("%s: %d, want %d", name, status, tt.status)
		}
	}
	s.untouched()
}

// A container reads the key and its predecessor, the token and the list when it
// starts. A forged request adds nothing to that.
func TestAForgedRequestReadsNothing(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	body := string(s.app.ReleaseEvent("update"))
	for range 50 {
		if status := s.deliver(request{body: body, key: "another-key-EXAMPLE"}); status != 401 {
			t.Errorf("status %d", status)
		}
	}
	s.awsCalls(map[string]int{"GetSecretValue": 3, "ListSecrets": 1})
	if calls := s.Heroku.Calls(); len(calls) != 0 {
		t.Errorf("calls of Heroku: %v", calls)
	}
}

func TestTheSigningKeyCanBeChangedWithoutAGap(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{Concurrency: 1})
	body := string(s.app.ReleaseEvent("update"))
	const next = "next-signing-key-EXAMPLE"
	s.put(stacktest.SigningSecret, next)
	for name, tt := range map[string]struct {
		key    string
		status int
	}{"new": {next, 204}, "previous": {stacktest.SigningKey, 204}, "another": {"another-key-EXAMPLE", 401}} {
		if status := s.deliver(request{body: body, key: tt.key}); status != tt.status {
			t.Errorf("%s key: %d, want %d", name, status, tt.status)
		}
	}
}

func TestWithoutASigningKeyTheWebhookFailsClosed(t *testing.T) {
	t.Parallel()
	tests := map[string]func(s *shop){
		"empty": func(s *shop) { s.put(stacktest.SigningSecret, " \n") },
		"gone":  func(s *shop) { s.remove(stacktest.SigningSecret) },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			spoil(s)
			body := string(s.app.ReleaseEvent("update"))
			for _, signature := range []string{"", herokutest.Sign("", []byte(body)), herokutest.Sign(" \n", []byte(body))} {
				if status := s.deliver(request{body: body, signature: signature}); status != 500 {
					t.Errorf("status %d", status)
				}
			}
			if calls := s.Heroku.Calls(); len(calls) != 0 {
				t.Errorf("calls of Heroku: %v", calls)
			}
		})
	}
}
