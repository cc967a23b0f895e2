package reconcile_test

import (
	"errors"
	"strings"
	"testing"

	"keepcurrent.example/internal/reconcile"
)

func TestTheSecretHoldsWhatTheTagsAskFor(t *testing.T) {
	t.Parallel()
	const redis = "rediss://:pEXAMPLE1@cache.example:6380"
	tests := map[string]struct {
		shown string
		tags  []string
		want  string // "" if nothing is written
		err   error
	}{
		"at least sslmode=require":          {url(1), nil, url(1) + "?sslmode=require", nil},
		"Heroku's own bytes":                {url(1), []string{"heroku:sslmode=unchanged"}, url(1), nil},
		"Heroku's own bytes, which are bad": {"pEXAMPLE1", []string{"heroku:sslmode=unchanged"}, "", nil},
		"the other scheme":                  {url(1), []string{"heroku:scheme=postgresql"}, "postgresql" + strings.TrimPrefix(url(1), "postgres") + "?sslmode=require", nil},
		"a scheme for a Redis":              {redis, []string{"heroku:scheme=postgresql"}, "", reconcile.ErrTag},
		"a scheme, and a Redis under a key": {redis, []string{"heroku:scheme=postgresql", "heroku:format=key"}, `{"DATABASE_URL":"` + redis + `"}`, nil},
		"a scheme under a key":              {url(1), []string{"heroku:scheme=postgresql", "heroku:format=key"}, `{"DATABASE_URL":"postgresql` + strings.TrimPrefix(url(1), "postgres") + `?sslmode=require"}`, nil},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newFixture(t)
			h.account.set(map[string]string{"DATABASE_URL": tt.shown})
			b := h.bind("orders", append([]string{"heroku:format=url"}, tt.tags...)...)
			h.aws.ResetCalls()
			r := h.update(b)
			if tt.want == "" && h.writes() != 0 {
				t.Errorf("%d writes", h.writes())
			}
			if got := h.value(b); got != tt.want || (r.Err == nil) != (tt.want != "") || tt.err != nil && !errors.Is(r.Err, tt.err) {
				t.Errorf("%s, it holds %q: %v", r.Outcome, got, r.Err)
			}
		})
	}
}

func TestAConfigVarNamedAsAKeyOfJSONIsNotWritten(t *testing.T) {
	t.Parallel()
	h := newFixture(t)
	h.account.set(map[string]string{"password": url(1)})
	b := h.bind("orders", "heroku:config-var=password")
	if r := h.update(b); r.Outcome != reconcile.Failed || !strings.Contains(r.Err.Error(), "heroku:key") || h.value(b) != "" {
		t.Errorf("%s: %v", r.Outcome, r.Err)
	}
}
