package secrets_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/secretstest"
)

func TestTroubleThatIsNoConflict(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("denied")
	h.stage(arn, 1)
	h.server.Intercept(func(secretstest.Call) secretstest.Fault { return secretstest.Fail(400, "AccessDeniedException") })
	for call, err := range h.everyCall(arn) {
		if err == nil || errors.Is(err, reconcile.ErrConflict) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: %v", call, err)
		}
	}
}

// everyCall makes each call for a secret whose version 1 is current, and returns how
// it ended.
func (h fixture) everyCall(arn string) map[string]error {
	errs := map[string]error{}
	_, errs["list"] = h.List(h.t.Context())
	_, errs["list of apps"] = h.ForApps(h.t.Context(), "shop")
	_, _, errs["first page"] = h.First(h.t.Context())
	_, errs["describe"] = h.Describe(h.t.Context(), arn)
	_, errs["stage"] = h.Stage(h.t.Context(), arn, version(2), credential.New("EXAMPLE"))
	errs["swap"] = h.Swap(h.t.Context(), arn, version(2), version(1))
	_, errs["read"] = h.Read(h.t.Context(), arn, version(1))
	_, errs["previous"] = h.Previous(h.t.Context(), arn)
	return errs
}

// A proxy between the function and AWS answers 200 with an empty object.
func TestAHollowAnswerIsAnError(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("hollow", "heroku:app=shop")
	h.stage(arn, 1)
	h.server.Intercept(func(secretstest.Call) secretstest.Fault { return answer("{}") })
	for call, err := range h.everyCall(arn) {
		if err == nil || errors.Is(err, reconcile.ErrConflict) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestAPutOfAnotherVersionIsAnError(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("another")
	h.server.Intercept(func(secretstest.Call) secretstest.Fault {
		return answer(fmt.Sprintf(`{"ARN":%q,"VersionId":%q,"VersionStages":["AWSCURRENT"]}`, arn, version(2)))
	})
	if current, err := h.Stage(t.Context(), arn, version(1), credential.New("EXAMPLE")); err == nil || current {
		t.Errorf("%t, %v", current, err)
	}
}

// answer is a fault that answers with 200 and a text.
func answer(text string) secretstest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) { fmt.Fprint(w, text) }
}

// net/http quotes an answer that is not HTTP, and a decoder may quote what it cannot parse.
func TestNoErrorQuotesTheAnswer(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]secretstest.Fault{
		"no HTTP": func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(conn, "EXAMPLE-1\r\n\r\n")
			conn.Close()
		},
		"no JSON":    answer("EXAMPLE-1"),
		"cut JSON":   answer(`{"SecretString":"EXAMPLE-1`),
		"wrong JSON": answer(`{"SecretString":["EXAMPLE-1"]}`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.Client = secretsmanager.New(h.Client.Options(), func(o *secretsmanager.Options) { o.RetryMaxAttempts = 1 })
			arn := h.create("quoted")
			h.stage(arn, 1)
			h.server.Intercept(func(secretstest.Call) secretstest.Fault { return fault })
			if _, err := h.Value(t.Context(), arn); err == nil || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("%v", err)
			}
		})
	}
}

// AWS quotes an invalid parameter, and the secret's value is a parameter of a put.
func TestARefusedPutIsNamedAndNotQuoted(t *testing.T) {
	t.Parallel()
	for code, tt := range map[string]struct{ message, said string }{
		"ValidationException":       {"Value 'EXAMPLE' at 'secretString' failed to satisfy constraint", "65,536 bytes"},
		"InvalidParameterException": {"the value EXAMPLE is not valid", "InvalidParameterException: AWS takes no such value here: the secret is a replica"},
		"LimitExceededException":    {"EXAMPLE", "too many versions"},
		"InvalidRequestException":   {"EXAMPLE", "a service manages it"},
		"ResourceNotFoundException": {"EXAMPLE", "no such secret"},
		"ResourceExistsException":   {"EXAMPLE", "another value"},
		"DecryptionFailure":         {"EXAMPLE", "KMS"},
		"SomethingNew":              {"EXAMPLE", "SomethingNew"},
		"EncryptionFailure":         {"the KMS key is disabled", "the KMS key is disabled"},
		"AccessDeniedException":     {"not authorized to perform: kms:GenerateDataKey", "kms:GenerateDataKey"}, // for a person to fix
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			arn := h.create("refused")
			h.server.Intercept(func(secretstest.Call) secretstest.Fault {
				return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
					w.WriteHeader(http.StatusBadRequest)
					fmt.Fprintf(w, `{"__type":%q,"message":%q}`, code, tt.message)
				}
			})
			_, err := h.Stage(t.Context(), arn, version(1), credential.New("EXAMPLE"))
			if err == nil || !strings.Contains(err.Error(), tt.said) || strings.Contains(err.Error(), "EXAMPLE") {
				t.Errorf("%v", err)
			}
		})
	}
}

// In the log it stands beside Heroku and a database, which may be what did not answer.
func TestAnErrorOfTheNetworkNamesSecretsManager(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	ctx, cancel := context.WithDeadline(t.Context(), time.Now())
	defer cancel()
	if _, err := h.List(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "Secrets Manager did not answer in time") {
		t.Error(err)
	}
	h.server.Close()
	if _, err := h.List(t.Context()); err == nil || !strings.Contains(err.Error(), "the connection to Secrets Manager failed") {
		t.Error(err)
	}
}
