package credential_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"keepcurrent.example/internal/credential"
)

const secret = "hunter2-EXAMPLE"

// holder keeps a credential where fmt cannot call its methods.
type holder struct {
	hidden  credential.Value
	Shown   credential.Value
	pointer *credential.Value
}

func TestValueNeverPrints(t *testing.T) {
	t.Parallel()
	v := credential.New(secret)
	h := holder{hidden: v, Shown: v, pointer: &v}
	printed := map[string]string{
		"json":       marshal(t, json.Marshal, h),
		"json key":   marshal(t, json.Marshal, map[string]any{"v": v, "p": &v, "list": []credential.Value{v}}),
		"slog json":  logged(func(w *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(w, nil) }, v, h),
		"slog text":  logged(func(w *bytes.Buffer) slog.Handler { return slog.NewTextHandler(w, nil) }, v, h),
		"error":      fmt.Errorf("a: %w", errors.Join(fmt.Errorf("%v", v), fmt.Errorf("%+v", h))).Error(),
		"sprint":     fmt.Sprint(v, &v, h, &h, []any{v, h}, map[string]any{"v": v}),
		"string":     v.String() + v.GoString(),
		"panic text": fmt.Sprint(recovered(func() { panic(v) })),
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%p", "%t", "%c", "%U", "%e", "%o"} {
		printed[verb] = fmt.Sprintf(strings.Repeat(verb+" ", 4), v, &v, h, &h)
	}
	for how, text := range printed {
		if strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s shows the credential: %s", how, text)
		}
	}
}

func TestRevealGivesBackTheText(t *testing.T) {
	t.Parallel()
	if got := credential.New(secret).Reveal(); got != secret {
		t.Errorf("Reveal = %q", got)
	}
	if !(credential.Value{}).Empty() || credential.New("x").Empty() {
		t.Error("Empty is wrong")
	}
}

func TestEqualComparesTexts(t *testing.T) {
	t.Parallel()
	a, b := credential.New(secret), credential.New(strings.Clone(secret))
	if !a.Equal(b) || a.Equal(credential.New("other")) || !(credential.Value{}).Equal(credential.New("")) {
		t.Error("Equal is wrong")
	}
}

func marshal(t *testing.T, encode func(any) ([]byte, error), v any) string {
	t.Helper()
	b, err := encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func logged(handler func(*bytes.Buffer) slog.Handler, v credential.Value, h holder) string {
	var b bytes.Buffer
	slog.New(handler(&b)).Info("m", "v", v, "p", &v, "h", h, slog.Group("g", "v", v), "err", fmt.Errorf("%v", v))
	return b.String()
}

func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}
