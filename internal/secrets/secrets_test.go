package secrets_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
	"keepcurrent.example/internal/testserver/secretstest"
)

type fixture struct {
	secrets.Manager
	t      *testing.T
	server *secretstest.Server
}

func newFixture(t *testing.T) fixture {
	t.Helper()
	server := secretstest.NewServer()
	t.Cleanup(server.Close)
	return fixture{secrets.Manager{Client: server.Client()}, t, server}
}

// create makes a secret without a value and returns its ARN.
func (h fixture) create(name string, tags ...string) string {
	h.t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name}
	for _, tag := range tags {
		key, value, _ := strings.Cut(tag, "=")
		in.Tags = append(in.Tags, types.Tag{Key: &key, Value: &value})
	}
	out, err := h.Client.CreateSecret(h.t.Context(), in)
	if err != nil {
		h.t.Fatal(err)
	}
	return *out.ARN
}

// version is a version id of the right length.
func version(n int) string { return fmt.Sprintf("version-%032d", n) }

func (h fixture) stage(arn string, n int) (current bool) {
	h.t.Helper()
	current, err := h.Stage(h.t.Context(), arn, version(n), credential.New(fmt.Sprint("EXAMPLE-", n)))
	if err != nil {
		h.t.Fatal(err)
	}
	return current
}

func TestTheFirstVersionIsCurrentAtOnce(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("first", "heroku:app=shop")
	if !h.stage(arn, 1) {
		t.Error("the first version is not AWSCURRENT")
	}
	if h.stage(arn, 2) {
		t.Error("the second version is AWSCURRENT without a swap")
	}
	s, err := h.Describe(t.Context(), arn)
	if err != nil || s.Current != version(1) || s.Candidate != version(2) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestSwapMovesFromTheFenceOnly(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		to, from int
		conflict bool
	}{
		"from the holder":                        {2, 1, false},
		"to a candidate that has lost its label": {3, 1, false},
		"from a version that lost AWSCURRENT":    {2, 3, true},
		"from a version that never was":          {2, 9, true},
		"from nothing":                           {2, 0, true},
		"to a version that is gone":              {9, 1, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			arn := h.create("swapped")
			for _, n := range []int{1, 3, 2} {
				h.stage(arn, n)
			}
			from := ""
			if tt.from != 0 {
				from = version(tt.from)
			}
			err := h.Swap(t.Context(), arn, version(tt.to), from)
			if errors.Is(err, reconcile.ErrConflict) != tt.conflict || (err == nil) == tt.conflict {
				t.Errorf("%v", err)
			}
			if tt.conflict && !endsWithTheConflict(err) {
				t.Errorf("AWS's words come last: %v", err)
			}
			holder := tt.to
			if tt.conflict {
				holder = 1
			}
			if s, _ := h.Describe(t.Context(), arn); s.Current != version(holder) {
				t.Errorf("AWSCURRENT is on %s", s.Current)
			}
		})
	}
}

// endsWithTheConflict reports whether the conflict comes last in an error. AWS has the same
// code for a value that is too large, and a person takes the last part for the cause.
func endsWithTheConflict(err error) bool {
	return strings.HasSuffix(err.Error(), reconcile.ErrConflict.Error())
}

func TestReadIsOfTheFenceOnly(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("read")
	h.stage(arn, 1)
	h.stage(arn, 2)
	value, err := h.Read(t.Context(), arn, version(1))
	if err != nil || value.Reveal() != "EXAMPLE-1" {
		t.Errorf("%v", err)
	}
	for _, n := range []int{2, 9} {
		if _, err := h.Read(t.Context(), arn, version(n)); !errors.Is(err, reconcile.ErrConflict) || !endsWithTheConflict(err) {
			t.Errorf("version %d does not hold AWSCURRENT: %v", n, err)
		}
	}
}

func TestValueAndPrevious(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("key")
	if _, err := h.Value(t.Context(), arn); err == nil {
		t.Error("a secret without a value has one")
	}
	put := func(text string) {
		if _, err := h.Client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &arn, SecretString: aws.String(text)}); err != nil {
			t.Fatal(err)
		}
	}
	put("one-EXAMPLE")
	if previous, err := h.Previous(t.Context(), arn); err != nil || !previous.Empty() {
		t.Errorf("a first value has a predecessor: %v", err)
	}
	put("two-EXAMPLE")
	value, err := h.Value(t.Context(), arn)
	previous, previousErr := h.Previous(t.Context(), arn)
	if err != nil || previousErr != nil || value.Reveal() != "two-EXAMPLE" || previous.Reveal() != "one-EXAMPLE" {
		t.Errorf("%v, %v", err, previousErr)
	}
}

func TestASecretMarkedForDeletionIsNoBinding(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	arn := h.create("gone", "heroku:app=shop")
	if _, err := h.Client.DeleteSecret(t.Context(), &secretsmanager.DeleteSecretInput{SecretId: &arn}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Describe(t.Context(), arn); err == nil || !strings.Contains(err.Error(), "restore it") {
		t.Errorf("%v", err)
	}
}

func TestAMissingSecretIsNamedAsSuch(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	if _, err := h.Describe(t.Context(), h.create("there")+"X"); !errors.Is(err, reconcile.ErrNoSecret) {
		t.Errorf("%v", err)
	}
}

// List and Describe both report that another owner writes the secret.
func TestASecretThatIsNotOursToWriteIsToldApart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind secretstest.Kind
		want error
		says string
	}{
		"a replica":                       {secretstest.Kind{PrimaryRegion: "eu-west-1"}, reconcile.ErrReplica, "eu-west-1"},
		"one that has replicas elsewhere": {secretstest.Kind{PrimaryRegion: "us-east-1"}, nil, ""},
		"one that a service manages":      {secretstest.Kind{OwningService: "rds"}, reconcile.ErrOwned, "rds"},
		"one that a partner manages":      {secretstest.Kind{Type: "SalesforceClientSecret"}, reconcile.ErrOwned, "SalesforceClientSecret"},
		"one with rotation on":            {secretstest.Kind{RotationEnabled: true}, reconcile.ErrOwned, "cancel-rotate-secret"},
		"an ordinary one":                 {secretstest.Kind{}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			arn := h.create("marked", "heroku:app=shop")
			h.server.Mark("marked", tt.kind)
			described, err := h.Describe(t.Context(), arn)
			if err != nil {
				t.Fatal(err)
			}
			listed, err := h.List(t.Context())
			if err != nil || len(listed) != 1 {
				t.Fatalf("%v, %v", listed, err)
			}
			for call, secret := range map[string]reconcile.Secret{"DescribeSecret": described, "ListSecrets": listed[0]} {
				if _, err := reconcile.ParseBindings(secret); !errors.Is(err, tt.want) || err != nil && !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: %v", call, err)
				}
			}
		})
	}
}
