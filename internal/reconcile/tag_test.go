package reconcile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

// names are that many names of config vars, or of keys.
func names(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("V%d", i))
	}
	return strings.Join(all, " ")
}

func TestTagsThatMustGoTogether(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		tags string
		want string // the config vars and their keys, or what the error says
	}{
		"one config var":                 {"heroku:format=key", "DATABASE_URL:DATABASE_URL"},
		"two":                            {"heroku:format=key,heroku:config-var=A_URL B_URL", "A_URL:A_URL B_URL:B_URL"},
		"two with keys":                  {"heroku:format=key,heroku:config-var=A_URL B_URL,heroku:key=a b", "A_URL:a B_URL:b"},
		"two with a key":                 {"heroku:format=key,heroku:config-var=A_URL B_URL,heroku:key=a", "each config var needs one"},
		"one with two keys":              {"heroku:format=key,heroku:key=a b", "each config var needs one"},
		"twice the same":                 {"heroku:format=key,heroku:config-var=A_URL A_URL", "names a config var twice"},
		"twice the same key":             {"heroku:format=key,heroku:config-var=A_URL B_URL,heroku:key=a a", "names a key twice"},
		"two, and one is no name":        {"heroku:format=key,heroku:config-var=A_URL 2ND_URL", "is a value of 13 bytes"},
		"as many as there can be":        {"heroku:format=key,heroku:config-var=" + names(18) + " A_URL B_URL", "V17:V17 A_URL:A_URL B_URL:B_URL"},
		"more":                           {"heroku:format=key,heroku:config-var=" + names(21), "has 21 names: it can have 20"},
		"two in JSON":                    {"heroku:config-var=A_URL B_URL", "needs heroku:format=key"},
		"two URLs alone":                 {"heroku:format=url,heroku:config-var=A_URL B_URL", "needs heroku:format=key"},
		"a key in JSON":                  {"heroku:key=shop.url", "DATABASE_URL:shop.url"},
		"a key of JSON's own":            {"heroku:key=host", "a key of the JSON format itself"},
		"the same, where it is no other": {"heroku:format=key,heroku:key=host", "DATABASE_URL:host"},
		"a key of a URL alone":           {"heroku:format=url,heroku:key=a", "a URL alone has no key"},
		"a blank key":                    {"heroku:format=key,heroku:key= ", "is a value of 1 bytes"},
		"a key that begins with a dot":   {"heroku:key=.a", "is a value of 2 bytes"},
		"a long key":                     {"heroku:key=" + strings.Repeat("a", 101), "at most 100 characters"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tags := map[string]string{"heroku:app": "shop"}
			for tag := range strings.SplitSeq(tt.tags, ",") {
				key, value, _ := strings.Cut(tag, "=")
				tags[key] = value
			}
			bindings, err := reconcile.ParseBindings(reconcile.Secret{Tags: tags})
			var got []string
			for _, b := range bindings {
				got = append(got, b.ConfigVar+":"+b.Key)
			}
			said := strings.Join(got, " ")
			if err != nil {
				said = err.Error()
			}
			if isError := !strings.Contains(tt.want, "_URL:"); isError != errors.Is(err, reconcile.ErrTag) || !strings.Contains(said, tt.want) {
				t.Errorf("got %s, want %s", said, tt.want)
			}
		})
	}
}

// Only a person can decide who writes such a secret, so nothing of ours is retried for it.
func TestASecretThatIsNotOursToWriteIsLeftAlone(t *testing.T) {
	t.Parallel()
	tags := map[string]string{"heroku:app": "shop"}
	for name, tt := range map[string]struct {
		secret       reconcile.Secret
		want         error
		isForAPerson bool
	}{
		"a replica":           {reconcile.Secret{Tags: tags, Primary: "eu-west-1"}, reconcile.ErrReplica, false},
		"of a service":        {reconcile.Secret{Tags: tags, Owner: "rds"}, reconcile.ErrOwned, true},
		"in rotation":         {reconcile.Secret{Tags: tags, Rotates: true}, reconcile.ErrOwned, true},
		"with an invalid tag": {reconcile.Secret{Tags: map[string]string{"heroku:app": ""}}, reconcile.ErrTag, true},
		"that is ours":        {reconcile.Secret{Tags: tags}, nil, false},
	} {
		bindings, err := reconcile.ParseBindings(tt.secret)
		if len(bindings) != 1 || !errors.Is(err, tt.want) {
			t.Errorf("%s: %d bindings, %v", name, len(bindings), err)
		}
		if r := (reconcile.Result{Err: err}); r.ForAPerson() != tt.isForAPerson {
			t.Errorf("%s: is it for a person? %t", name, r.ForAPerson())
		}
	}
}
