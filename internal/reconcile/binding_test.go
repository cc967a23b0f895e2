package reconcile_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

func TestTagsMakeABinding(t *testing.T) {
	t.Parallel()
	const uuid = "01234567-89ab-cdef-0123-456789abcdef"
	tests := map[string]struct {
		tags map[string]string
		want reconcile.Binding
	}{
		"defaults": {
			map[string]string{"heroku:app": "shop", "team": "a", "heroku:else": ""},
			reconcile.Binding{Source: reconcile.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatJSON, Verify: reconcile.VerifyLogin, Sync: true},
		},
		"everything said": {
			map[string]string{"heroku:app": uuid, "heroku:config-var": "OTHER_URL", "heroku:format": "url", "heroku:verify": "off", "heroku:sync": "off"},
			reconcile.Binding{Source: reconcile.Source{App: uuid}, ConfigVar: "OTHER_URL", Key: "OTHER_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatURL, Verify: reconcile.VerifyOff},
		},
		"parameters that only the user's client knows": {
			map[string]string{"heroku:app": "shop", "heroku:verify": "server"},
			reconcile.Binding{Source: reconcile.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatJSON, Verify: reconcile.VerifyServer, Sync: true},
		},
		"another account": {
			map[string]string{"heroku:app": "shop", "heroku:token": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/b-a1B2c3"},
			reconcile.Binding{Source: reconcile.Source{TokenSecretID: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/b-a1B2c3", App: "shop"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatJSON, Verify: reconcile.VerifyLogin, Sync: true},
		},
		"a scheme and a certificate": {
			map[string]string{"heroku:app": "shop", "heroku:scheme": "postgresql", "heroku:client-tls": "shop/certificate"},
			reconcile.Binding{Source: reconcile.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatJSON, Scheme: "postgresql", Verify: reconcile.VerifyLogin, ClientTLS: "shop/certificate", Sync: true},
		},
		"a URL that stays as Heroku writes it": {
			map[string]string{"heroku:app": "shop", "heroku:sslmode": "unchanged"},
			reconcile.Binding{Source: reconcile.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeUnchanged, Format: reconcile.FormatJSON, Verify: reconcile.VerifyLogin, Sync: true},
		},
		"the defaults said": {
			map[string]string{"heroku:sslmode": "require", "heroku:app": "s-1", "heroku:config-var": "DATABASE_URL", "heroku:format": "json", "heroku:verify": "login", "heroku:sync": "on"},
			reconcile.Binding{Source: reconcile.Source{App: "s-1"}, ConfigVar: "DATABASE_URL", Key: "DATABASE_URL", SSLMode: reconcile.SSLModeRequire, Format: reconcile.FormatJSON, Verify: reconcile.VerifyLogin, Sync: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseOne(reconcile.Secret{Tags: tt.tags})
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Tags = tt.tags
			if !reflect.DeepEqual(got, tt.want) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestInvalidTagsAreNamed(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // tag=value: what the error says
		"heroku:app=":                           "neither an app's name nor its id",
		"heroku:app=a/../b":                     "heroku:app",
		"heroku:app=Shop":                       "heroku:app",
		"heroku:app=ab":                         "heroku:app",
		"heroku:app=9lives":                     "heroku:app",
		"heroku:app=shop-":                      "heroku:app",
		"heroku:app=" + strings.Repeat("a", 31): "heroku:app",
		"heroku:app=01234567-89AB-cdef-0123-456789abcdef": "heroku:app",
		"heroku:app=01234567089ab-cdef-0123-456789abcdef": "heroku:app",
		"heroku:config-var=":                              "heroku:config-var",
		"heroku:config-var=2ND_URL":                       "does not begin with a digit",
		"heroku:config-var=DATABASE-URL":                  "letters, digits and underscores",
		"heroku:config-var= DATABASE_URL":                 "a value of 13 bytes that is not shown",
		"heroku:config-var=" + strings.Repeat("A", 101):   "at most 100 characters",
		"heroku:format=JSON":                              `"json", "url" or "key"`,
		"heroku:format=":                                  "heroku:format",
		"heroku:verify=on":                                `"login", "server" or "off"`,
		"heroku:sync=yes":                                 `"on" or "off"`,
		"heroku:scheme=":                                  `"postgres" or "postgresql"`,
		"heroku:scheme=mysql":                             "heroku:scheme",
		"heroku:sslmode=":                                 `"require" or "unchanged"`,
		"heroku:sslmode=disable":                          `is "disable": it can be`,
		"heroku:client-tls=":                              "the name or the ARN",
		"heroku:token=":                                   "the name or the ARN",
		"heroku:token=a token":                            "heroku:token",
		"heroku:token=a:b":                                "heroku:token",
		"heroku:token=arn:aws:iam::123456789012:role/a":   "heroku:token",
		"heroku:token=arn:aws:secretsmanager:eu-west-1:123456789012:secret:": "heroku:token",
		"heroku:format=plaintext":      `is "plaintext": it`,
		"heroku:format=json-as-a-text": "is a value of 14 bytes that is not shown: it",
		"heroku:format=utf8":           "is a value of 4 bytes that is not shown: it",
	}
	for tag, says := range tests {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			tags := map[string]string{"heroku:app": "shop"}
			key, value, _ := strings.Cut(tag, "=")
			tags[key] = value
			if _, err := parseOne(reconcile.Secret{Tags: tags}); !errors.Is(err, reconcile.ErrTag) || !strings.Contains(err.Error(), says) {
				t.Errorf("the error does not say %q: %v", says, err)
			}
		})
	}
}

func TestAllFaultsOfTheTagsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := parseOne(reconcile.Secret{Tags: map[string]string{"heroku:app": "", "heroku:format": "x", "heroku:verify": "x", "heroku:sync": "x"}})
	for _, tag := range []string{reconcile.AppTag, reconcile.FormatTag, reconcile.VerifyTag, reconcile.SyncTag} {
		if !strings.Contains(err.Error(), tag) {
			t.Errorf("%s is not named in: %v", tag, err)
		}
	}
}

func TestAnInvalidTagLeavesTheOthersReadable(t *testing.T) {
	t.Parallel()
	b, err := parseOne(reconcile.Secret{Tags: map[string]string{"heroku:app": "shop", "heroku:format": "xml", "heroku:sync": "perhaps"}})
	if err == nil || b.App != "shop" || b.ConfigVar != "DATABASE_URL" || !b.Sync {
		t.Errorf("%+v, %v", b, err)
	}
}

// Tags are for everyone to read who may list secrets, and logs are for more people than
// that. So a credential in a tag is refused, in words that do not repeat it.
func TestACredentialInATagIsRefusedAndNotShown(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"a token":                    "HRKU-EXAMPLEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
		"a short token":              "HRKU-EXAMPLE",
		"a token in small letters":   "hrku-EXAMPLE",
		"a token without its start":  strings.Repeat("EXAMPLE0123456789", 4)[:65],
		"a token in base64 for URLs": "AA4gEXAMPLExQ-_c3aD9zK-1mN0pR7tYwB2v-X5sL8qHj6_FdG3kTzU9eWbC4y-0",
		"a header":                   "Bearer EXAMPLE-0123",
		"a token of before":          "0e5a3f1c-e8a1-4b7a-9c2d-aaaaaaaaaaaa",
		"a URL":                      "postgres://user:EXAMPLE@db.example:5432/d",
		"the URL of a Redis":         "rediss://:EXAMPLE@db.example:6379",
		"a URL without its scheme":   "user:EXAMPLE@db.example:5432/d",
		"a key in PEM":               "-----BEGIN PRIVATE KEY----- EXAMPLE",
		"a password of Heroku's":     "pEXAMPLE" + strings.Repeat("0123456789abcdef", 4),
		"a password with its name":   "DATABASE_PASSWORD_p" + strings.Repeat("0123456789abcdef", 4),
		"a line of a shell":          "DATABASE_URL=EXAMPLE1" + strings.Repeat("0123456789abcdef", 2),
		"our signing key":            strings.Repeat("0123456789abcdef", 3),
		"a secret key of AWS":        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		"random base64":              "k3Jx/Q9vT+z7LmW2aEXAMPLEr5Yb/N8cHd1Gf4Ps",
		"some other password":        "EXAMPLE+xyzzy/0123456789=abcdefghij",
		"a short password":           "swordfish-EXAMPLE1",
	}
	for name, value := range values {
		for _, tag := range reconcile.Tags {
			if isAccepted(tag, name) {
				continue
			}
			t.Run(name+" in "+tag, func(t *testing.T) {
				t.Parallel()
				tags := map[string]string{reconcile.AppTag: "shop"}
				tags[tag] = value
				b, err := parseOne(reconcile.Secret{Tags: tags})
				if err == nil {
					t.Fatalf("accepted: what reads %s in binding.go must ask r.isPasted; if it is free text, isAccepted says what nobody can tell from a right value", tag)
				}
				if !errors.Is(err, reconcile.ErrTag) || !strings.Contains(err.Error(), tag) {
					t.Fatalf("got error %v, want one that refuses the tag %s", err, tag)
				}
				b.Tags = nil
				if shown := fmt.Sprintf("%v %+v", err, b); strings.Contains(shown, value) || strings.Contains(shown, "EXAMPLE") {
					t.Errorf("it is shown: %s", shown)
				}
				if wrongSource := tag == reconcile.AppTag || tag == reconcile.TokenTag; wrongSource && b.Source.Valid() {
					t.Errorf("it is a source: %+v", b.Source)
				}
			})
		}
	}
}

// isAccepted tells what nobody can tell from a right value: the id of an app, or the name
// of a config var, of a key or of a secret.
func isAccepted(tag, name string) bool {
	switch name {
	case "a token of before":
		return tag == reconcile.AppTag
	case "some other password", "a short password":
		return tag == reconcile.ClientTLSTag || tag == reconcile.TokenTag || tag == reconcile.KeyTag
	}
	return false
}

func TestAPasswordIsNoNameOfAConfigVar(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{
		"p" + strings.Repeat("0123456789abcdef", 4): true, strings.Repeat("0123456789abcdef", 2): true,
		"HEROKU_POSTGRESQL_MAUVE_URL": false, "deadbeef": false, "DATABASE_URL": false,
		strings.Repeat("a", 40): false, strings.Repeat("a", 40) + "_1": false, strings.Repeat("a", 40) + "1": true,
		"A_" + strings.Repeat("1", 40): false, "_url2": false, "a": false, strings.Repeat("A_", 50): false, strings.Repeat("A_", 50) + "A": true,
	} {
		_, err := parseOne(reconcile.Secret{Tags: map[string]string{reconcile.AppTag: "shop", reconcile.ConfigVarTag: name}})
		if (err != nil) != refused || err != nil && strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What people call their secrets, and what CloudFormation and Terraform call them, stays
// a name.
func TestANameOfASecretIsNoCredential(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:"
	for id, accepted := range map[string]bool{
		"prod/heroku/token": true, "heroku-token-2026": true, arn + "prod/heroku-token-AbCd12": true, "a": true,
		"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:prod/heroku-token-AbCd12": true,
		"team_b/Heroku.Token+2026=a@b": true, "TokenSecret-a1B2c3D4e5F6-AbCd12": true, arn + "TokenSecret-a1B2c3D4e5F6-AbCd12": true,
		"terraform-20261126071500000000000001": true, "rds!cluster": false, "production-payments-HerokuTokenSecret-a1B2c3D4e5F6-AbCd12-of-the-team": true, "Prod/Payments/HerokuPostgres/ReadOnlyToken1": true,
		"production/payments/heroku/postgres/token/2026/11/26": true, "TheTokenOfTheHerokuAccountThatPaysForEverything": true,
		"prod/8f14e45fceea167a5a36dedd4bea2543": false, // nobody can tell it from a password
		"user:password@db.example:5432/d":       false, "heroku:token": false, arn: false, arn + "a:b": false, "x" + arn + "a": false,
		arn + strings.Repeat("0123456789abcdef", 3): false, "hrku-token": false,
	} {
		if got := reconcile.IsSecretID(id); got != accepted {
			t.Errorf("%s: %t", id, got)
		}
	}
}

// A wrong heroku:token must not fall back to the stack's own token.
func TestATagThatNamesNoSecretIsNotTheStacksOwnToken(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "a token", "HRKU-EXAMPLE", "user:EXAMPLE@h:5432/d", strings.Repeat("EXAMPLE1", 8)} {
		b, _ := parseOne(reconcile.Secret{Tags: map[string]string{reconcile.AppTag: "shop", reconcile.TokenTag: value}})
		if b.TokenSecretID == "" || b.Source.Valid() {
			t.Errorf("%q: %+v", value, b.Source)
		}
	}
}
