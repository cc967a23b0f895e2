package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"keepcurrent.example/internal/binding"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/keeper"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/postgrestest"
)

// A Private or Shield database asks for a client certificate.
func TestLoginWithAClientCertificate(t *testing.T) {
	t.Parallel()
	cluster, identity := postgrestest.RunMutual(t)
	_, stranger := postgrestest.RunMutual(t)
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, other := parse(t, identity), parse(t, stranger)
	// with is a secret that takes each of the three from somewhere.
	with := func(certificate, key, root parts) string {
		text, err := json.Marshal(parts{certificate.Certificate, key.Key, root.Root})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	away := errors.New("away")
	tests := map[string]struct {
		secret  string
		readErr error
		is      func(error) bool
	}{
		"the right one":                {identity, nil, func(err error) bool { return err == nil }},
		"another's":                    {with(other, other, own), nil, notProven},
		"a root that did not sign":     {with(own, own, other), nil, notProven},
		"another's key":                {with(own, other, own), nil, isTag},
		"no root":                      {with(own, own, parts{}), nil, isTag},
		"no JSON":                      {"EXAMPLE", nil, isTag},
		"a secret that cannot be read": {"", away, func(err error) bool { return errors.Is(err, away) }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := login.Client{Read: func(context.Context, string) (credential.Value, error) {
				return credential.New(tt.secret), tt.readErr
			}}
			url, err := connection.Parse(credential.New(db.URL()))
			if err != nil {
				t.Fatal(err)
			}
			err = client.Login(t.Context(), url, "shop/certificate")
			if !tt.is(err) {
				t.Errorf("got error %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "BEGIN") || strings.Contains(err.Error(), "EXAMPLE")) {
				t.Errorf("the error shows what the secret holds: %v", err)
			}
		})
	}
	if err := try(t, db.URL()); !errors.Is(err, keeper.ErrRefused) {
		t.Errorf("without a certificate: %v", err)
	}
}

// parts are what a secret with a client certificate is made of.
type parts struct {
	Certificate string `json:"certificate"`
	Key         string `json:"key"`
	Root        string `json:"root"`
}

func parse(t *testing.T, identity string) (p parts) {
	t.Helper()
	if err := json.Unmarshal([]byte(identity), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// isTag reports that the tag must be put right, notProven that a login failed.
func isTag(err error) bool     { return errors.Is(err, binding.ErrTag) }
func notProven(err error) bool { return err != nil && !isTag(err) }
