package reconcile_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"keepcurrent.example/internal/reconcile"
)

func TestALineOfTheLogIsAsLoudAsItsOutcome(t *testing.T) {
	t.Parallel()
	trouble := errors.New("trouble")
	tests := map[string]struct {
		result     reconcile.Result
		level, msg string
	}{
		"published":              {reconcile.Result{Outcome: reconcile.Published, Moved: time.Now()}, "INFO", "published"},
		"published with trouble": {reconcile.Result{Outcome: reconcile.Published, Moved: time.Now(), Err: trouble}, "WARN", "published"},
		"in a dry run":           {reconcile.Result{Outcome: reconcile.Published}, "INFO", "would be published"},
		"unchanged":              {reconcile.Result{Outcome: reconcile.Unchanged}, "DEBUG", "unchanged"},
		"unchanged at last":      {reconcile.Result{Outcome: reconcile.Unchanged, Conflicts: 1}, "INFO", "unchanged"},
		"opted out":              {reconcile.Result{Outcome: reconcile.Off}, "DEBUG", "off"},
		"deferred":               {reconcile.Result{Outcome: reconcile.Deferred, Err: trouble}, "DEBUG", "deferred"},
		"held":                   {reconcile.Result{Outcome: reconcile.Held, Err: trouble}, "WARN", "held"},
		"failed":                 {reconcile.Result{Outcome: reconcile.Failed, Err: trouble}, "ERROR", "failed"},
	}
	for name, tt := range tests {
		var out bytes.Buffer
		tt.result.Log(t.Context(), slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})))
		var line struct{ Level, Msg string }
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line.Level != tt.level || line.Msg != tt.msg {
			t.Errorf("%s: %v, %s", name, err, out.String())
		}
	}
}
