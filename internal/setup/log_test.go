package setup

import (
	"bytes"
	stdlog "log"
	"log/slog"
	"strings"
	"testing"
)

func TestALibrarysLineIsLoggedWithoutWhatItQuotes(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`Unsolicited response received on idle HTTP channel starting with "pEXAMPLE"; err=<nil>`: "Unsolicited response received on idle HTTP channel starting with",
		`http: superfluous response.WriteHeader call from main.f (x.go:1)`:                       "http: superfluous",
		`password pEXAMPLE1 is wrong`: "password",
		`postgres://u:pEXAMPLE@h/d`:   "",
		`a warning: the end`:          "a warning: the end",
		"":                            "",
	} {
		var out bytes.Buffer
		stdlog.New(standardLogger{slog.New(slog.NewJSONHandler(&out, nil))}, "", 0).Print(line)
		if !strings.Contains(out.String(), `"begins":"`+want+`"`) || strings.Contains(out.String(), "EXAMPLE") {
			t.Errorf("%q is logged as %s", line, &out)
		}
	}
}
