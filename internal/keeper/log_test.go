package keeper_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"keepcurrent.example/internal/keeper"
)

func TestALineOfTheLogIsAsLoudAsItsOutcome(t *testing.T) {
	t.Parallel()
	trouble := errors.New("trouble")
	tests := map[string]struct {
		result     keeper.Result
		level, msg string
	}{
		"published":              {keeper.Result{Outcome: keeper.Published, Moved: time.Now()}, "INFO", "published"},
		"published with trouble": {keeper.Result{Outcome: keeper.Published, Moved: time.Now(), Err: trouble}, "WARN", "published"},
		"in a dry run":           {keeper.Result{Outcome: keeper.Published}, "INFO", "would be published"},
		"unchanged":              {keeper.Result{Outcome: keeper.Unchanged}, "DEBUG", "unchanged"},
		"unchanged at last":      {keeper.Result{Outcome: keeper.Unchanged, Conflicts: 1}, "INFO", "unchanged"},
		"opted out":              {keeper.Result{Outcome: keeper.Off}, "DEBUG", "off"},
		"deferred":               {keeper.Result{Outcome: keeper.Deferred, Err: trouble}, "DEBUG", "deferred"},
		"held":                   {keeper.Result{Outcome: keeper.Held, Err: trouble}, "WARN", "held"},
		"failed":                 {keeper.Result{Outcome: keeper.Failed, Err: trouble}, "ERROR", "failed"},
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
