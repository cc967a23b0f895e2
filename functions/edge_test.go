package functions_test

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/herokutest"
	"keepcurrent.example/internal/stacktest"
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
		"poller-schedule":                  0,
		"poller-rule":                      0,
		"poller-by-hand":                   0,
		"poller-dry-run":                   0,
	}
	files, err := filepath.Glob("../events/*.json")
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
	if reads := s.Heroku.Calls()["GET /apps/{app}/config-vars"]; reads != 5+4 {
		t.Errorf("%d reads of config vars: 5 releases of the app and 4 rounds need 9", reads)
	}
}

func TestOnlyOurSignatureOverTheRawBytesCounts(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	body := string(s.app.ReleaseEvent("update"))
	good := herokutest.Sign(stacktest.SigningKey, []byte(body))
	raw, err := base64.StdEncoding.DecodeString(good)
	s.must(err)
	var object map[string]any
	s.must(json.Unmarshal([]byte(body), &object))
	reencoded, err := json.Marshal(object)
	s.must(err)
	tests := map[string]struct {
		request
		status int
	}{
		"right":                              {request{body: body}, 204},
		"right, header in lower case":        {request{body: body, header: "heroku-webhook-hmac-sha256"}, 204},
		"right, header in upper case":        {request{body: body, header: "HEROKU-WEBHOOK-HMAC-SHA256"}, 204},
		"right, body in base64 for Lambda":   {request{body: body, contentType: "application/vnd.heroku+json; version=3"}, 204},
		"right, no content type to speak of": {request{body: body, contentType: "x"}, 204},
		"missing":                            {request{body: body, header: "X-Other"}, 401},
		"empty":                              {request{body: body, signature: " "}, 401},
		"of another key":                     {request{body: body, key: "another-key-EXAMPLE"}, 401},
		"of an empty key":                    {request{body: body, signature: herokutest.Sign("", []byte(body))}, 401},
		"of another body":                    {request{body: body + " ", signature: good}, 401},
		"of the re-encoded JSON":             {request{body: body, signature: herokutest.Sign(stacktest.SigningKey, reencoded)}, 401},
		"in hex":                             {request{body: body, signature: hex.EncodeToString(raw)}, 401},
		"in URL base64":                      {request{body: body, signature: base64.URLEncoding.EncodeToString([]byte(strings.Repeat("\xff", 32)))}, 401},
		"without padding":                    {request{body: body, signature: strings.TrimRight(good, "=")}, 401},
		"cut":                                {request{body: body, signature: good[:40]}, 401},
		"twice":                              {request{body: body, signature: good + "," + good}, 401},
		"with a prefix":                      {request{body: body, signature: "sha256=" + good}, 401},
	}
	for name, tt := range tests {
		if status := s.deliver(tt.request); status != tt.status {
			t.Errorf("%s: %d, want %d", name, status, tt.status)
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
	id, next := stacktest.SigningSecret, "next-signing-key-EXAMPLE"
	_, err := s.AWS.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &next})
	s.must(err)
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
	tests := map[string]func(s *shop) error{
		"empty": func(s *shop) error {
			id, blank := stacktest.SigningSecret, " \n"
			_, err := s.AWS.PutSecretValue(s.t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &id, SecretString: &blank})
			return err
		},
		"gone": func(s *shop) error {
			id, force := stacktest.SigningSecret, true
			_, err := s.AWS.DeleteSecret(s.t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &id, ForceDeleteWithoutRecovery: &force})
			return err
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.must(spoil(s))
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
