package consumer

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

func TestWhatASecretsValueIsReadAs(t *testing.T) {
	t.Parallel()
	const keys = `"username":"u","password":"p","dbname":"d"`
	for value, want := range map[string]string{
		"postgres://u:p@h/d":                                                  "postgres://u:p@h/d?sslmode=require",
		"postgresql://u:p@h/d":                                                "postgresql://u:p@h/d?sslmode=require",
		"postgres://u:p@h/d?":                                                 "postgres://u:p@h/d?sslmode=require",
		"postgres://u:p@h/d?search_path=s":                                    "postgres://u:p@h/d?search_path=s&sslmode=require",
		"postgres://u:p@h/d?sslmode=prefer":                                   "postgres://u:p@h/d?sslmode=prefer",
		"postgres://u:p@h/d?application_name=a@b":                             "postgres://u:p@h/d?application_name=a@b&sslmode=require",
		`{"a":"postgres://u:p@h/d"}`:                                          "postgres://u:p@h/d?sslmode=require",
		`{"a":"postgres://u:p@h/d?search_path=s","host":"h",` + keys + `}`:    "postgres://u:p@h/d?search_path=s&sslmode=require",
		`{"a":"postgres://a@a","b":"postgres://b@b","host":"h",` + keys + `}`: "postgres://u:p@h:5432/d?sslmode=require",
		`{"host":"h",` + keys + `}`:                                           "postgres://u:p@h:5432/d?sslmode=require",
		`{"engine":"postgresql","host":"h",` + keys + `}`:                     "postgres://u:p@h:5432/d?sslmode=require",
		`{"HOST":"other","host":"h",` + keys + `}`:                            "postgres://u:p@h:5432/d?sslmode=require",
		`{"host":"::1",` + keys + `}`:                                         "postgres://u:p@[::1]:5432/d?sslmode=require",
		`{"host":"[::1]",` + keys + `}`:                                       "postgres://u:p@[::1]:5432/d?sslmode=require",
		`{"host":"h","port":null,` + keys + `}`:                               "postgres://u:p@h:5432/d?sslmode=require",
		`{"host":"h","port":0,` + keys + `}`:                                  "postgres://u:p@h:5432/d?sslmode=require",
		`{"host":"h","port":"",` + keys + `}`:                                 "postgres://u:p@h:5432/d?sslmode=require",
		`{"host":"h","port":1,` + keys + `}`:                                  "postgres://u:p@h:1/d?sslmode=require",
		`{"host":"h","port":"65535",` + keys + `}`:                            "postgres://u:p@h:65535/d?sslmode=require",
		`{"host":"h","username":"u@/?#","password":"p@/?#","dbname":"d@/?#"}`: "postgres://u%40%2F%3F%23:p%40%2F%3F%23@h:5432/d%40/%3F%23?sslmode=require",
	} {
		config, failure := parse(value, "")
		if failure != nil {
			t.Errorf("%s: %v", value, failure)
		} else if got := config.ConnString(); got != want {
			t.Errorf("%s: got %s, want %s", value, got, want)
		}
	}
}

func TestAPortThatIsNoneMakesNoURL(t *testing.T) {
	t.Parallel()
	for _, port := range []string{`65536`, `-1`, `1.0`, `1e3`, `"0"`, `"01"`, `"+1"`, `" 1"`, `"x"`, `true`, `[1]`, `{}`} {
		if _, failure := parse(`{"host":"h","port":`+port+`,"username":"u"}`, ""); failure == nil || failure.Kind != ErrFormat || failure.Err != nil {
			t.Errorf("%s: got %v, want no more than %v", port, failure, ErrFormat)
		}
	}
}

// A text that only seems to have a URL gets no login, and the error says what to encode.
func TestAnAmbiguousURLIsNamedAsOne(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"postgres://u:p/q@h/d", "postgres://u:p?q@h/d", "postgres://u:p#q@h/d", "postgres://u:p@q@h/d", "postgres://u:p@q?r@h/d", "postgres://u:p@q=r@h/d",
	} {
		for key, text := range map[string]string{"": value, "db": `{"db":"` + value + `"}`} {
			_, failure := parse(text, key)
			if failure == nil || !errors.Is(failure, errSplit) || failure.Kind != map[string]error{"": ErrFormat, "db": ErrKey}[key] {
				t.Errorf("%s, key %q: %v", text, key, failure)
			}
		}
	}
}

// A setting that pgx gets in a later version must be added to apply.
func TestEachSettingOfTheURLCounts(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://u:p@h:6432/d?sslmode=verify-full&sslnegotiation=direct&sslcertmode=disable&channel_binding=require&require_auth=scram-sha-256" +
			"&min_protocol_version=3.2&max_protocol_version=latest&krbsrvname=k&krbspn=n&target_session_attrs=read-write&connect_timeout=7" +
			"&default_query_exec_mode=exec&statement_cache_capacity=3&description_cache_capacity=4&application_name=a&search_path=s",
		"postgres://u:p@h1,h2/d?sslmode=prefer", "postgres://u:p@h/d?sslmode=disable",
	} {
		want, err := pgx.ParseConfig(text)
		if err != nil {
			t.Fatal(err)
		}
		got := applied(t, text, func(*pgx.ConnConfig) {})
		compare(t, reflect.ValueOf(got.Config), reflect.ValueOf(want.Config))
		compare(t, reflect.ValueOf(*got), reflect.ValueOf(*want))
	}
}

// compare fails the test for each field that differs. Of funcs and TLS only the presence counts,
// and the server's name.
func compare(t *testing.T, got, want reflect.Value) {
	t.Helper()
	for i := range want.NumField() {
		field := want.Type().Field(i)
		if !field.IsExported() || field.Anonymous {
			continue
		}
		a, b := got.Field(i), want.Field(i)
		equal := false
		switch field.Type.Kind() {
		case reflect.Func, reflect.Interface:
			equal = a.IsNil() == b.IsNil()
		case reflect.Pointer: // TLSConfig
			equal = a.IsNil() && b.IsNil() || !a.IsNil() && !b.IsNil() && a.Elem().FieldByName("ServerName").Equal(b.Elem().FieldByName("ServerName"))
		case reflect.Slice: // Fallbacks
			equal = a.Len() == b.Len()
		default:
			equal = reflect.DeepEqual(a.Interface(), b.Interface())
		}
		if !equal {
			t.Errorf("%s: got %v, want %v", field.Name, a, b)
		}
	}
}

// applied returns a config of the caller's, with what the URL adds to it.
func applied(t *testing.T, text string, set func(*pgx.ConnConfig)) *pgx.ConnConfig {
	t.Helper()
	from, failure := parse(text, "")
	if failure != nil {
		t.Fatal(failure)
	}
	to, err := pgx.ParseConfig(placeholder)
	if err != nil {
		t.Fatal(err)
	}
	unset(to)
	set(to)
	(&credential{open: func() *pgx.ConnConfig { return from }}).apply(to)
	return to
}

func TestWhatTheCallerSetsWinsOverTheURL(t *testing.T) {
	t.Parallel()
	errOwn := errors.New("the caller's")
	config := applied(t, "postgres://u:p@h/d?min_protocol_version=3.0&max_protocol_version=3.2&krbsrvname=url&krbspn=url&target_session_attrs=read-write", func(c *pgx.ConnConfig) {
		c.MinProtocolVersion, c.MaxProtocolVersion = "3.2", "latest"
		c.KerberosSrvName, c.KerberosSpn = "caller", "caller"
		c.ValidateConnect = func(context.Context, *pgconn.PgConn) error { return errOwn }
	})
	if config.MinProtocolVersion != "3.2" || config.MaxProtocolVersion != "latest" || config.KerberosSrvName != "caller" || config.KerberosSpn != "caller" {
		t.Errorf("protocol %s to %s, Kerberos %s and %s", config.MinProtocolVersion, config.MaxProtocolVersion, config.KerberosSrvName, config.KerberosSpn)
	}
	if err := config.ValidateConnect(t.Context(), nil); !errors.Is(err, errOwn) {
		t.Errorf("the check of the server is not the caller's: %v", err)
	}
}

func TestTheURLWinsOverTheEnvironment(t *testing.T) {
	services := filepath.Join(t.TempDir(), "services")
	if err := os.WriteFile(services, []byte("[shop]\nkrbsrvname=environment\nkrbspn=environment\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"PGSERVICE": "shop", "PGSERVICEFILE": services, "PGMINPROTOCOLVERSION": "3.2", "PGMAXPROTOCOLVERSION": "latest", "PGCONNECT_TIMEOUT": "9",
	} {
		t.Setenv(name, value)
	}
	config := applied(t, "postgres://u:p@h/d?min_protocol_version=3.0&max_protocol_version=3.2&krbsrvname=url&krbspn=url&connect_timeout=7", func(*pgx.ConnConfig) {})
	if config.MinProtocolVersion != "3.0" || config.MaxProtocolVersion != "3.2" || config.KerberosSrvName != "url" || config.KerberosSpn != "url" || config.ConnectTimeout != 7*time.Second {
		t.Errorf("protocol %s to %s, Kerberos %s and %s, time-out %v", config.MinProtocolVersion, config.MaxProtocolVersion,
			config.KerberosSrvName, config.KerberosSpn, config.ConnectTimeout)
	}
}
