package binding_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/binding"
)

func TestTagsMakeABinding(t *testing.T) {
	t.Parallel()
	const uuid = "01234567-89ab-cdef-0123-456789abcdef"
	tests := map[string]struct {
		tags map[string]string
		want binding.Binding
	}{
		"defaults": {
			map[string]string{"heroku:app": "shop", "team": "a", "heroku:else": ""},
			binding.Binding{Source: binding.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Format: binding.JSON, Verify: true, Sync: true},
		},
		"everything said": {
			map[string]string{"heroku:app": uuid, "heroku:config-var": "OTHER_URL", "heroku:format": "url", "heroku:verify": "off", "heroku:sync": "off"},
			binding.Binding{Source: binding.Source{App: uuid}, ConfigVar: "OTHER_URL", Format: binding.URL},
		},
		"another account": {
			map[string]string{"heroku:app": "shop", "heroku:token": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/b-a1B2c3"},
			binding.Binding{Source: binding.Source{Token: "arn:aws:secretsmanager:eu-west-1:123456789012:secret:team/b-a1B2c3", App: "shop"}, ConfigVar: "DATABASE_URL", Format: binding.JSON, Verify: true, Sync: true},
		},
		"a scheme and a certificate": {
			map[string]string{"heroku:app": "shop", "heroku:scheme": "postgresql", "heroku:client-tls": "shop/certificate"},
			binding.Binding{Source: binding.Source{App: "shop"}, ConfigVar: "DATABASE_URL", Format: binding.JSON, Scheme: "postgresql", Verify: true, ClientTLS: "shop/certificate", Sync: true},
		},
		"the defaults said": {
			map[string]string{"heroku:app": "s-1", "heroku:config-var": "DATABASE_URL", "heroku:format": "json", "heroku:verify": "login", "heroku:sync": "on"},
			binding.Binding{Source: binding.Source{App: "s-1"}, ConfigVar: "DATABASE_URL", Format: binding.JSON, Verify: true, Sync: true},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := binding.Of(binding.Secret{Tags: tt.tags})
			if err != nil {
				t.Fatal(err)
			}
			if got.Source != tt.want.Source || got.ConfigVar != tt.want.ConfigVar || got.Format != tt.want.Format || got.Scheme != tt.want.Scheme || got.ClientTLS != tt.want.ClientTLS || got.Verify != tt.want.Verify || got.Sync != tt.want.Sync {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestTagsThatMakeNoSenseAreNamed(t *testing.T) {
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
		"heroku:format=JSON":                              `"json" or "url"`,
		"heroku:format=":                                  "heroku:format",
		"heroku:verify=on":                                `"login" or "off"`,
		"heroku:sync=yes":                                 `"on" or "off"`,
		"heroku:scheme=":                                  `"postgres" or "postgresql"`,
		"heroku:scheme=mysql":                             "heroku:scheme",
		"heroku:client-tls=":                              "the name or the ARN",
		"heroku:token=":                                   "the name or the ARN",
		"heroku:token=a token":                            "heroku:token",
	}
	for tag, says := range tests {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			tags := map[string]string{"heroku:app": "shop"}
			key, value, _ := strings.Cut(tag, "=")
			maps.Copy(tags, map[string]string{key: value})
			if _, err := binding.Of(binding.Secret{Tags: tags}); !errors.Is(err, binding.ErrTag) || !strings.Contains(err.Error(), says) {
				t.Errorf("the error does not say %q: %v", says, err)
			}
		})
	}
}

func TestAllFaultsOfTheTagsAreNamedAtOnce(t *testing.T) {
	t.Parallel()
	_, err := binding.Of(binding.Secret{Tags: map[string]string{"heroku:app": "", "heroku:format": "x", "heroku:verify": "x", "heroku:sync": "x"}})
	for _, tag := range []string{binding.AppTag, binding.FormatTag, binding.VerifyTag, binding.SyncTag} {
		if !strings.Contains(err.Error(), tag) {
			t.Errorf("%s is not named in: %v", tag, err)
		}
	}
}

func secretOf(name, app string) binding.Secret {
	return binding.Secret{ARN: name, Name: name, Tags: map[string]string{binding.AppTag: app}}
}

// shelf is a Secrets Manager that counts its lists.
type shelf struct {
	secrets    []binding.Secret
	more       bool // there are more than the first list shows
	err        error
	first, ofs int
}

func (s *shelf) directory(keep time.Duration) *binding.Directory {
	return &binding.Directory{
		Keep: keep,
		First: func(context.Context) ([]binding.Secret, bool, error) {
			s.first++
			return s.secrets, !s.more, s.err
		},
		Of: func(context.Context, ...string) ([]binding.Secret, error) { // prefixes match, too
			s.ofs++
			return s.secrets, s.err
		},
	}
}

func names(bindings []binding.Binding) string {
	var names []string
	for _, b := range bindings {
		names = append(names, b.Name)
	}
	return strings.Join(names, " ")
}

func TestDirectoryFindsByNameAndByID(t *testing.T) {
	t.Parallel()
	const id = "01234567-89ab-cdef-0123-456789abcdef"
	bad := secretOf("bad", "shop")
	bad.Tags[binding.FormatTag] = "xml"
	s := &shelf{secrets: []binding.Secret{secretOf("by-name", "shop"), secretOf("prefix", "shop-2"), secretOf("by-id", id), bad, secretOf("empty", "")}}
	d := s.directory(time.Hour)
	for range 2 {
		found, err := d.Find(t.Context(), "shop", id)
		if err != nil || names(found) != "by-name by-id bad" {
			t.Errorf("found %s, %v", names(found), err)
		}
	}
	if kept, all := d.Kept(t.Context(), "shop", id); !all || names(kept) != "by-name by-id bad" {
		t.Errorf("kept %s (all: %t)", names(kept), all)
	}
	if found, _ := d.Find(t.Context(), "", ""); len(found) != 0 {
		t.Error("an app without identity has bindings")
	}
}

func TestDirectoryNeedsNoListForWhatItListedAhead(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []binding.Secret{secretOf("a", "shop")}}
	d := s.directory(time.Hour)
	if err := d.Ahead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, all := d.Kept(t.Context(), "shop", "its-id"); !all || names(kept) != "a" || s.first != 1 || s.ofs != 0 {
		t.Errorf("kept %s (all: %t) after %d and %d lists", names(kept), all, s.first, s.ofs)
	}
	if kept, all := d.Kept(t.Context(), "new-app"); all || len(kept) != 0 {
		t.Error("an app is called unbound without another look")
	}
}

func TestDirectoryDoesNotWaitForALongList(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []binding.Secret{secretOf("a", "shop")}, more: true}
	d := s.directory(time.Hour)
	if err := d.Ahead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, all := d.Kept(t.Context(), "shop"); all || len(kept) != 0 {
		t.Errorf("a part of the list is taken for all of it: %s", names(kept))
	}
	if found, err := d.Find(t.Context(), "shop"); err != nil || names(found) != "a" {
		t.Errorf("found %s, %v", names(found), err)
	}
	if kept, all := d.Kept(t.Context(), "shop"); !all || names(kept) != "a" {
		t.Errorf("kept %s (all: %t)", names(kept), all)
	}
	if kept, all := d.Kept(t.Context(), "blog"); all || len(kept) != 0 {
		t.Errorf("kept %s (all: %t) of an app that nobody asked for", names(kept), all)
	}
}

func TestDirectoryForgetsWhatIsNoLongerBoundAndGrowsStale(t *testing.T) {
	t.Parallel()
	s := &shelf{secrets: []binding.Secret{secretOf("a", "shop"), secretOf("b", "blog")}}
	d := s.directory(0)
	if err := d.Ahead(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, all := d.Kept(t.Context(), "shop"); all || names(kept) != "a" {
		t.Errorf("an old list: %s (all: %t)", names(kept), all)
	}
	s.secrets = []binding.Secret{secretOf("c", "shop")}
	if found, _ := d.Find(t.Context(), "shop"); names(found) != "c" {
		t.Errorf("found %s", names(found))
	}
	if kept, _ := d.Kept(t.Context(), "shop"); names(kept) != "c" {
		t.Errorf("kept %s", names(kept))
	}
	if kept, _ := d.Kept(t.Context(), "blog"); names(kept) != "b" {
		t.Errorf("another app's bindings are gone: %s", names(kept))
	}
}

func TestDirectoryWithoutAList(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	d := (&shelf{err: away}).directory(time.Hour)
	if err := d.Ahead(t.Context()); !errors.Is(err, away) {
		t.Error(err)
	}
	if _, err := d.Find(t.Context(), "shop"); !errors.Is(err, away) {
		t.Error(err)
	}
}
