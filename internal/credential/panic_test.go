package credential_test

import (
	"errors"
	"io"
	"strings"
	"testing"

	"keepcurrent.example/internal/credential"
)

func TestAPanicOfGosOwnKeepsItsTextAndItsPlace(t *testing.T) {
	t.Parallel()
	var nothing *struct{ field int }
	none := map[string]map[string]int{}["none"]
	for want, f := range map[string]func() error{
		"nil pointer dereference": func() error { _ = nothing.field; return nil },
		"index out of range":      func() error { return []error{}[len(t.Name())] },
		"nil map":                 func() error { none["a"] = 1; return nil },
	} {
		err := credential.RecoverPanic(f)
		var panicked *credential.PanicError
		if !errors.As(err, &panicked) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "panic_test.go:") {
			t.Errorf("%v, want %s and its place", err, want)
		}
	}
}

func TestAPanicOfAnythingElseKeepsItsTypeAndItsPlaceAlone(t *testing.T) {
	t.Parallel()
	for name, value := range map[string]any{
		"string":              "postgres://u:pEXAMPLE@h/d",
		"*errors.errorString": errors.New("pEXAMPLE"),
		"[]interface {}":      []any{"pEXAMPLE"},
	} {
		err := credential.RecoverPanic(func() error { panic(value) })
		var panicked *credential.PanicError
		if !errors.As(err, &panicked) || panicked.Type != name || panicked.Text != "" || !strings.Contains(panicked.Stack[0], "panic_test.go:") {
			t.Fatalf("%+v", err)
		}
		if text := err.Error() + strings.Join(credential.StackOf(err), " "); strings.Contains(text, "EXAMPLE") {
			t.Errorf("it shows the value: %s", text)
		}
	}
}

func TestWithoutAPanicTheFunctionsOwnErrorIsReturned(t *testing.T) {
	t.Parallel()
	if err := credential.RecoverPanic(func() error { return io.EOF }); err != io.EOF || credential.StackOf(err) != nil {
		t.Errorf("%v, want the function's own error", err)
	}
}
