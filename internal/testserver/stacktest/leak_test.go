package stacktest

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"
	"testing"
)

// A search that finds nothing says something only if it would find it.
func TestSearchFindsACredentialInEverySpelling(t *testing.T) {
	t.Parallel()
	const credential = `postgres://u:p"EXAMPLE+/<1>@h/d?a=b`
	logged := func(value any) string {
		var line strings.Builder
		slog.New(slog.NewJSONHandler(&line, nil)).Info("m", "value", value) // bytes become base64
		return line.String()
	}
	marshalled, err := json.Marshal(credential)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"plainly":             credential,
		"in a log line":       logged(credential),
		"in JSON":             string(marshalled),
		"in a path":           url.PathEscape(credential),
		"in a query":          url.QueryEscape(credential),
		"in base64":           base64.StdEncoding.EncodeToString([]byte(credential)),
		"in a body":           logged([]byte(credential + "}")),
		"1 byte into a body":  logged([]byte("{" + credential + "}")),
		"2 bytes into a body": logged([]byte("{ " + credential + "}")),
		"in hex":              hex.EncodeToString([]byte(credential)),
	} {
		if len(search([]byte("before "+text+" after"), credential)) == 0 {
			t.Errorf("%s it was not found: %s", name, text)
		}
	}
	if found := search([]byte("nothing of it"), credential); len(found) != 0 {
		t.Errorf("found %v in nothing", found)
	}
}
