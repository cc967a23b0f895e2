package login_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/login"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/testserver/postgrestest"
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
	// with is a secret that takes each of its three parts from one of the arguments.
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
		"no root":                      {with(own, own, parts{}), nil, func(err error) bool { return err == nil }},
		"a root alone":                 {with(parts{}, parts{}, own), nil, notProven},
		"a certificate without a key":  {with(own, parts{}, own), nil, isTag},
		"a key without a certificate":  {with(parts{}, own, own), nil, isTag},
		"a root that is none":          {with(own, own, parts{Root: "EXAMPLE"}), nil, isTag},
		"nothing":                      {"{}", nil, isTag},
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
				t.Errorf("the error shows the secret's value: %v", err)
			}
		})
	}
	if err := try(t, db.URL()); !errors.Is(err, reconcile.ErrRefused) {
		t.Errorf("without a certificate: %v", err)
	}
}

// A root makes it possible to verify a certificate that is the server's own.
func TestARootAloneVerifiesTheServer(t *testing.T) {
	t.Parallel()
	cluster, root := postgrestest.RunWith(t, postgrestest.Options{})
	_, stranger := postgrestest.RunMutual(t)
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct{ query, root, says string }{
		"require":                                {"", root, ""},
		"verify-ca":                              {"?sslmode=verify-ca", root, ""},
		"verify-ca, and a file of the program's": {"?sslmode=verify-ca&sslrootcert=config%2Fx.pem", root, ""},
		"verify-full, and another name":          {"?sslmode=verify-full", root, "it is for another host"},
		"another root":                           {"", parse(t, stranger).Root, "unknown authority"},
		"the system's roots":                     {"?sslrootcert=system", root, "certificate"},
		"no root, and a file of the program's":   {"?sslmode=verify-full&sslrootcert=config%2Fx.pem", "", "sslrootcert names a file"},
		"no root, where libpq needs one":         {"?sslmode=verify-ca", "", "verify-ca needs a root"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client, id := login.Client{}, ""
			if tt.root != "" {
				text, err := json.Marshal(map[string]string{"root": tt.root})
				if err != nil {
					t.Fatal(err)
				}
				client.Read = func(context.Context, string) (credential.Value, error) { return credential.New(string(text)), nil }
				id = "shop/root"
			}
			url, err := connection.Parse(credential.New(db.URL() + tt.query))
			if err != nil {
				t.Fatal(err)
			}
			err = client.Login(t.Context(), url, id)
			if tt.says == "" && err == nil {
				return
			}
			says(t, err, nil)
			if tt.says == "" || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), "could not be verified") {
				t.Errorf("got error %v, want %q", err, tt.says)
			}
		})
	}
}

// parts are what a secret with a client certificate is made of.
type parts struct {
	Certificate string `json:"certificate,omitempty"`
	Key         string `json:"key,omitempty"`
	Root        string `json:"root,omitempty"`
}

func parse(t *testing.T, identity string) (p parts) {
	t.Helper()
	if err := json.Unmarshal([]byte(identity), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// isTag reports that the tag must be put right, notProven that a login failed.
func isTag(err error) bool     { return errors.Is(err, reconcile.ErrTag) }
func notProven(err error) bool { return err != nil && !isTag(err) }
