package reconcile

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

// ErrTag says that a tag is invalid: only a person can correct it.
var ErrTag = errors.New("a tag is invalid")

// Why a secret cannot be written by us, although its tags are right.
var (
	// ErrReplica says that AWS copies the secret from another Region and refuses
	// writes to it here
	// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html).
	ErrReplica = errors.New("the secret is a replica")
	// ErrOwned says that a service, a partner or a rotation writes the secret. Only a
	// person can decide who should.
	ErrOwned = errors.New("the secret is not ours to write")
	// ErrValue says that the secret's value cannot take our key beside the others.
	ErrValue = errors.New("the secret's value cannot take the key, and stays as it is")
)

// The tags of a bound secret. All but [AppTag] are optional.
const (
	AppTag       = "heroku:app"        // app name or id
	ConfigVarTag = "heroku:config-var" // default DATABASE_URL; several names, with blanks between them, in the format key
	FormatTag    = "heroku:format"     // json (default), url or key
	SchemeTag    = "heroku:scheme"     // postgres or postgresql; default as Heroku spells it
	VerifyTag    = "heroku:verify"     // login (default), server or off
	ClientTLSTag = "heroku:client-tls" // secret with certificates for the login; default none
	SyncTag      = "heroku:sync"       // on (default) or off
	TokenTag     = "heroku:token"      // secret with the API token; default the stack's own
	KeyTag       = "heroku:key"        // key of the URL in an object, one for each config var; default the config var's name
	SSLModeTag   = "heroku:sslmode"    // require (default) or unchanged
)

// Tags are the names of all tags of a bound secret. Tests use the list to find what a new tag
// still lacks.
var Tags = []string{AppTag, ConfigVarTag, FormatTag, SchemeTag, VerifyTag, ClientTLSTag, SyncTag, TokenTag, KeyTag, SSLModeTag}

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
	// Primary is the Region that AWS copies a replica from, "" if this is none.
	Primary string
	// Owner is the AWS service or the partner that writes the secret, "" for none.
	Owner string
	// Rotates says that Secrets Manager rotates the secret.
	Rotates bool
}

// writable returns why the secret is not ours to write, nil if it is.
func (s Secret) writable() error {
	switch {
	case s.Primary != "":
		return fmt.Errorf("%w: AWS copies it from Region %s; keep it there", ErrReplica, s.Primary)
	case s.Owner != "":
		return fmt.Errorf("%w: %s writes it; remove the tag %s", ErrOwned, s.Owner, AppTag)
	case s.Rotates:
		return fmt.Errorf("%w: its rotation is on; turn it off (aws secretsmanager cancel-rotate-secret) or remove the tag %s", ErrOwned, AppTag)
	}
	return nil
}

// Format is how a connection URL is written into a secret.
type Format string

const (
	FormatJSON Format = "json" // an object with AWS's keys and the URL
	FormatURL  Format = "url"  // the URL alone
	FormatKey  Format = "key"  // the URL as one member of an object that holds others
)

// Verify says what is tried before a URL is published.
type Verify string

const (
	VerifyLogin  Verify = "login"  // a login with the whole URL
	VerifyServer Verify = "server" // a login without the URL's parameters, for those that only the user's client knows
	VerifyOff    Verify = "off"    // nothing
)

// SSLMode says what sslmode the URL of a Postgres has in the secret.
type SSLMode string

const (
	SSLModeRequire   SSLMode = "require"   // at least require
	SSLModeUnchanged SSLMode = "unchanged" // the one that Heroku writes, or none: the URL keeps its bytes
)

// Source is where a binding's value comes from: an app, seen with a token.
type Source struct {
	TokenSecretID string // name or ARN of the secret with the API token, "" for the stack's own
	App           string // name or id, as the tag spells it
}

// Valid reports whether App can be an app, and TokenSecretID a secret if there is one.
func (s Source) Valid() bool {
	return IsApp(s.App) && (s.TokenSecretID == "" || IsSecretID(s.TokenSecretID))
}

// source returns the Source that a binding or a result embeds, for [BySource].
func (s Source) source() Source { return s }

// Binding is one secret that follows one config var of one app.
type Binding struct {
	Secret
	Source
	ConfigVar string
	Format    Format
	Key       string // of the URL in an object; the format url writes none
	Scheme    string // of the URL of a Postgres, "" for as Heroku spells it
	SSLMode   SSLMode
	Verify    Verify // what is tried before publishing
	ClientTLS string // name or ARN of the secret with the certificates for that, "" for none
	Sync      bool   // false: opted out, the value stays as it is
}

// ParseBindings reads the bindings out of a secret's tags: one, or one for each config var
// with [FormatKey]. The error wraps [ErrTag] and names every tag that is invalid, or
// [ErrReplica] or [ErrOwned] if the secret is not ours to write; then there is one binding,
// whose fields are set as far as they could be read.
func ParseBindings(s Secret) ([]Binding, error) {
	r := reader{tags: s.Tags}
	b := Binding{
		Secret:    s,
		Source:    Source{App: r.app(), TokenSecretID: r.secretID(TokenTag)},
		Format:    Format(r.choice(FormatTag, string(FormatJSON), string(FormatJSON), string(FormatURL), string(FormatKey))),
		Scheme:    r.choice(SchemeTag, "", "postgres", "postgresql"),
		SSLMode:   SSLMode(r.choice(SSLModeTag, string(SSLModeRequire), string(SSLModeRequire), string(SSLModeUnchanged))),
		Verify:    Verify(r.choice(VerifyTag, string(VerifyLogin), string(VerifyLogin), string(VerifyServer), string(VerifyOff))),
		ClientTLS: r.secretID(ClientTLSTag),
		Sync:      r.choice(SyncTag, "on", "on", "off") != "off",
	}
	vars, areNamed := r.configVars(b.Format)
	keys := r.keys(b.Format, vars, areNamed)
	b.ConfigVar, b.Key = vars[0], keys[0]
	if err := s.writable(); err != nil {
		return []Binding{b}, err
	}
	if len(r.wrong) > 0 {
		return []Binding{b}, fmt.Errorf("%w: %w", ErrTag, errors.Join(r.wrong...))
	}
	all := make([]Binding, len(vars))
	for i := range all {
		all[i] = b
		all[i].ConfigVar, all[i].Key = vars[i], keys[i]
	}
	return all, nil
}

// reader reads tags one by one, and notes which are invalid.
type reader struct {
	tags  map[string]string
	wrong []error
}

func (r *reader) refuse(format string, args ...any) {
	r.wrong = append(r.wrong, fmt.Errorf(format, args...))
}

// isPasted reports whether a tag's value looks like a credential, and refuses it if so.
// The error does not show it, and neither may the field of the binding, which is logged.
func (r *reader) isPasted(tag, value string) bool {
	if !LooksLikeCredential(value) {
		return false
	}
	r.refuse("tag %s looks like a credential, and is not shown here: everyone who may list secrets can read tags, "+
		"so revoke it and put the new one into a secret", tag)
	return true
}

// app returns the app. A token that is a UUID cannot be told from an app's id.
func (r *reader) app() string {
	app := r.tags[AppTag]
	if IsApp(app) {
		return app
	}
	if !r.isPasted(AppTag, app) {
		r.refuse("tag %s is %s: neither an app's name nor its id", AppTag, quoted(app))
	}
	if !isQuotable(app) {
		return credential.Redacted
	}
	return app
}

// configVars returns the names of the config vars, at least one, and whether they are named
// rightly. What is no name is not shown: it can be a part of a connection URL, or a whole
// line of `heroku config --shell`.
func (r *reader) configVars(format Format) (names []string, areNamed bool) {
	text, tagged := r.tags[ConfigVarTag]
	isName := func(name string) bool { return configVarForm.MatchString(name) && !LooksLikeCredential(name) }
	takesOne := format == FormatJSON || format == FormatURL
	names = strings.Fields(text)
	areNames := len(names) > 0 && !slices.ContainsFunc(names, func(name string) bool { return !isName(name) })
	switch {
	case !tagged:
		return []string{"DATABASE_URL"}, true
	case isName(text), areNames && !takesOne && !hasDouble(names) && len(names) <= maxConfigVars:
		return names, true
	case areNames && !takesOne && len(names) > maxConfigVars:
		r.refuse("tag %s has %d names: it can have %d, because each change of one makes a version, and AWS keeps about a hundred a day", ConfigVarTag, len(names), maxConfigVars)
		return names[:1], false
	case areNames && !takesOne:
		r.refuse("tag %s names a config var twice", ConfigVarTag)
		return names[:1], false
	case areNames && len(names) > 1:
		r.refuse("tag %s has several names, which needs %s=%s", ConfigVarTag, FormatTag, FormatKey)
		return names[:1], false
	case text == "":
		r.refuse("tag %s is empty: name a config var, or remove the tag for DATABASE_URL", ConfigVarTag)
		return []string{text}, false
	case !r.isPasted(ConfigVarTag, text):
		r.refuse("tag %s is a value of %d bytes that is not shown: it can be the name of a config var, which has letters, "+
			"digits and underscores, does not begin with a digit, and has at most %d characters", ConfigVarTag, len(text), maxConfigVar)
	}
	return []string{credential.Redacted}, false
}

// keys returns the key of each config var: those of the tag, or the config vars' own names.
// How many there are is no matter if the config vars are not named rightly.
func (r *reader) keys(format Format, vars []string, areNamed bool) []string {
	text, tagged := r.tags[KeyTag]
	keys := strings.Fields(text)
	isNoKey := func(key string) bool { return !keyForm.MatchString(key) || LooksLikeCredential(key) }
	switch {
	case !tagged:
		return vars
	case len(keys) == 0 || slices.ContainsFunc(keys, isNoKey):
		if !r.isPasted(KeyTag, text) {
			r.refuse("tag %s is a value of %d bytes that is not shown: it can be the name of a key, which has letters, digits and "+
				"_+=./@-, begins with a letter, a digit or _, and has at most %d characters", KeyTag, len(text), maxKey)
		}
	case format == FormatURL:
		r.refuse("tag %s is of no use with %s=%s: a URL alone has no key", KeyTag, FormatTag, FormatURL)
	case hasDouble(keys):
		r.refuse("tag %s names a key twice", KeyTag)
	case areNamed && len(keys) != len(vars):
		r.refuse("tag %s has %d names, and tag %s has %d: each config var needs one", KeyTag, len(keys), ConfigVarTag, len(vars))
	case format == FormatJSON && connection.IsPart(keys[0]):
		r.refuse("tag %s is %q, which is a key of the JSON format itself", KeyTag, keys[0])
	case areNamed:
		return keys
	}
	return slices.Repeat([]string{credential.Redacted}, len(vars))
}

func hasDouble(names []string) bool {
	sorted := slices.Sorted(slices.Values(names))
	return len(slices.Compact(sorted)) < len(names)
}

// choice returns the tag's value, which is one of options, or untagged if there is
// no such tag.
func (r *reader) choice(tag, untagged string, options ...string) string {
	value, tagged := r.tags[tag]
	if !tagged {
		return untagged
	}
	if !slices.Contains(options, value) {
		if !r.isPasted(tag, value) {
			last := len(options) - 1
			r.refuse("tag %s is %s: it can be \"%s\" or %q", tag, quoted(value), strings.Join(options[:last], `", "`), options[last])
		}
		return ""
	}
	return value
}

// secretID returns the tag's value, which names a secret, "" if there is no such tag.
// An invalid value becomes one that names no secret, since "" means the stack's own.
func (r *reader) secretID(tag string) string {
	value, tagged := r.tags[tag]
	if !tagged || IsSecretID(value) {
		return value
	}
	if !r.isPasted(tag, value) {
		r.refuse("tag %s is %s: it can be the name or the ARN of a secret", tag, quoted(value))
	}
	return credential.Redacted
}

// IsApp reports whether the text can be an app's name or id. Nothing else may
// become part of the path of a request that carries the API token.
func IsApp(text string) bool { return appName.MatchString(text) || uuid.MatchString(text) }

var (
	// appName is from Heroku's published schema
	// (https://devcenter.heroku.com/articles/platform-api-reference#app).
	appName = regexp.MustCompile(`^[a-z][a-z0-9-]{1,28}[a-z0-9]$`)
	uuid    = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	// configVarForm is the form of a config var's name. Heroku asks for letters, digits and
	// underscores, so that every programming language can read it
	// (https://devcenter.heroku.com/articles/config-vars), and names no limit. That a digit
	// does not begin it is the rule of the shells.
	configVarForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z_][A-Za-z0-9_]{0,%d}$`, maxConfigVar-1))
	// secretIDForm is a name or an ARN
	// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html,
	// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html).
	secretIDForm = regexp.MustCompile(`^(arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?[A-Za-z0-9/_+=.@-]+$`)
)

const maxConfigVar = 100

// maxConfigVars is how many config vars one secret can follow. Each change of one makes a
// version, and AWS keeps about a hundred of the last 24 hours: five changes of all.
const maxConfigVars = 20

// maxKey is the longest name of a key, and keyForm is its form. A colon is not in it: it
// ends the key in the reference of an ECS task definition
// (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html).
// It begins with a letter, a digit or an underscore: External Secrets reads the name as a
// path, in which an @ begins a modifier (https://github.com/tidwall/gjson/blob/master/SYNTAX.md).
const maxKey = 100

var keyForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_][A-Za-z0-9_+=./@-]{0,%d}$`, maxKey-1))

// IsSecretID reports whether the text can be the name or the ARN of a secret, and does
// not look like a credential.
func IsSecretID(s string) bool { return secretIDForm.MatchString(s) && !LooksLikeCredential(s) }
