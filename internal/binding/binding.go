// Package binding knows what a secret's tags say: which config var of which app
// it follows, and how. Tags are the only configuration of the sync; a secret
// with the tag heroku:app is bound, one without is left alone.
package binding

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrTag says that a tag makes no sense: only a person can mend it.
var ErrTag = errors.New("a tag makes no sense")

// The tags of a bound secret. All but [AppTag] are optional.
const (
	AppTag       = "heroku:app"        // app name or id
	ConfigVarTag = "heroku:config-var" // default DATABASE_URL
	FormatTag    = "heroku:format"     // json (default) or url
	SchemeTag    = "heroku:scheme"     // postgres or postgresql; default as Heroku spells it
	VerifyTag    = "heroku:verify"     // login (default) or off
	ClientTLSTag = "heroku:client-tls" // secret with a certificate for the login; default none
	SyncTag      = "heroku:sync"       // on (default) or off
	TokenTag     = "heroku:token"      // secret with the API token; default the stack's own
)

// Secret is what Secrets Manager tells of a secret without giving its value.
type Secret struct {
	ARN  string
	Name string
	Tags map[string]string
	// Current is the id of the version that holds AWSCURRENT, "" before the
	// first value.
	Current string
	// Candidate is the id of the version that was staged last, "" if none is.
	Candidate string
}

// Format is how a connection URL is written into a secret.
type Format string

const (
	JSON Format = "json" // an object with AWS's keys and the URL
	URL  Format = "url"  // the URL alone
)

// Source is where a binding's value comes from: an app, seen with a token.
type Source struct {
	Token string // name or ARN of the secret with the API token, "" for the stack's own
	App   string // name or id, as the tag spells it
}

// Valid reports whether the tags that name the source make sense.
func (s Source) Valid() bool { return IsApp(s.App) && (s.Token == "" || isSecretID(s.Token)) }

// Binding is one secret that follows one config var of one app.
type Binding struct {
	Secret
	Source
	ConfigVar string
	Format    Format
	Scheme    string // of the URL of a Postgres, "" for as Heroku spells it
	Verify    bool   // log in before publishing
	ClientTLS string // name or ARN of the secret with the certificate for that, "" for none
	Sync      bool   // false: opted out, the value stays as it is
}

// Of reads the binding out of a secret's tags. The error wraps [ErrTag] and names
// every tag that makes no sense; the fields that could be read are set all the same.
func Of(s Secret) (Binding, error) {
	format, formatErr := choice(s.Tags, FormatTag, string(JSON), string(URL))
	scheme, schemeErr := choice(s.Tags, SchemeTag, "", "postgres", "postgresql")
	verify, verifyErr := choice(s.Tags, VerifyTag, "login", "off")
	_, syncErr := choice(s.Tags, SyncTag, "on", "off")
	configVar, configVarErr := s.Tags[ConfigVarTag], error(nil)
	if _, tagged := s.Tags[ConfigVarTag]; !tagged {
		configVar = "DATABASE_URL"
	} else if configVar == "" {
		configVarErr = fmt.Errorf("tag %s is empty: name a config var, or remove the tag for DATABASE_URL", ConfigVarTag)
	}
	token, tokenErr := secretID(s.Tags, TokenTag)
	clientTLS, clientTLSErr := secretID(s.Tags, ClientTLSTag)
	b := Binding{
		Secret:    s,
		Source:    Source{Token: token, App: s.Tags[AppTag]},
		ConfigVar: configVar,
		Format:    Format(format),
		Scheme:    scheme,
		Verify:    verify == "login",
		ClientTLS: clientTLS,
		Sync:      s.Tags[SyncTag] != "off",
	}
	if err := errors.Join(appErr(b.App), configVarErr, formatErr, schemeErr, verifyErr, clientTLSErr, syncErr, tokenErr); err != nil {
		return b, fmt.Errorf("%w: %w", ErrTag, err)
	}
	return b, nil
}

// choice returns the tag's value, the first option if there is no such tag. An
// option that is empty cannot be said.
func choice(tags map[string]string, tag string, options ...string) (string, error) {
	value, tagged := tags[tag]
	if !tagged {
		return options[0], nil
	}
	if options[0] == "" {
		options = options[1:]
	}
	if slices.Contains(options, value) {
		return value, nil
	}
	return "", fmt.Errorf("tag %s is %q: it can be %q or %q", tag, value, options[0], options[1])
}

// secretID returns the tag's value, which names a secret, "" if there is no such tag.
func secretID(tags map[string]string, tag string) (string, error) {
	value, tagged := tags[tag]
	if tagged && !isSecretID(value) {
		return value, fmt.Errorf("tag %s is %q: it can be the name or the ARN of a secret", tag, value)
	}
	return value, nil
}

// IsApp reports whether the text can be an app's name or id. Nothing else may
// become part of the path of a request that carries the API token.
func IsApp(text string) bool { return isName(text) || isUUID(text) }

func appErr(app string) error {
	if IsApp(app) {
		return nil
	}
	return fmt.Errorf("tag %s is %q: neither an app's name nor its id", AppTag, app)
}

// isName follows Heroku's published schema of an app name:
// ^[a-z][a-z0-9-]{1,28}[a-z0-9]$
// (https://devcenter.heroku.com/articles/platform-api-reference#app).
func isName(s string) bool {
	if len(s) < 3 || len(s) > 30 || s[0] < 'a' || s[0] > 'z' || s[len(s)-1] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-') {
			return false
		}
	}
	return true
}

func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		hex := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash != (c == '-') || !dash && !hex {
			return false
		}
	}
	return true
}

// isSecretID follows the names of secrets, and ARNs, which have colons beside
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html).
func isSecretID(s string) bool {
	for _, c := range []byte(s) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/_+=.@-:", c) >= 0) {
			return false
		}
	}
	return s != ""
}
