package secrets_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
)

// The AWS console and --secret-binary put bytes in, and then there is no text to read.
func TestAValueThatIsBinaryIsNamedAndTheSecretOfAConsumerIsNotUnderstood(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("binary")
	put := func(in secretsmanager.PutSecretValueInput) string {
		in.SecretId = &arn
		out, err := h.Client.PutSecretValue(t.Context(), &in)
		if err != nil {
			t.Fatal(err)
		}
		return *out.VersionId
	}
	bytes := put(secretsmanager.PutSecretValueInput{SecretBinary: []byte("postgres://u:pEXAMPLE@h/d")})
	if _, err := h.Value(t.Context(), arn); !errors.Is(err, secrets.ErrBinary) || !strings.Contains(err.Error(), "--secret-string") || strings.Contains(err.Error(), "EXAMPLE") {
		t.Errorf("%v", err)
	}
	value, err := h.Read(t.Context(), arn, bytes)
	if err != nil || value.Empty() {
		t.Errorf("read: %v", err)
	}
	if _, err := connection.Read(value, "DATABASE_URL"); err == nil {
		t.Error("a binary value is understood")
	}
	put(secretsmanager.PutSecretValueInput{SecretString: aws.String("EXAMPLE")})
	if previous, err := h.Previous(t.Context(), arn); err != nil || !previous.Empty() {
		t.Errorf("previous: %v", err)
	}
	if _, err := h.Read(t.Context(), arn, bytes); !errors.Is(err, reconcile.ErrConflict) {
		t.Errorf("a binary value that is no longer current: %v", err)
	}
}
