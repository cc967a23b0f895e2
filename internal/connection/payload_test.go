package connection_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
)

func parse(t *testing.T, raw string) connection.URL {
	t.Helper()
	u, err := connection.Parse(credential.New(raw))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestJSONHasTheKeysOfAWSAndTheWholeURL(t *testing.T) {
	t.Parallel()
	value, err := parse(t, "postgres://u%40x:p%2FEXAMPLE@[::1]:5433/d1?a=1&b=2").JSON("DATABASE_URL")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(value.Reveal()), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"engine": "postgres", "host": "::1", "port": 5433.0, "username": "u@x", "password": "p/EXAMPLE", "dbname": "d1",
		"DATABASE_URL": "postgres://u%40x:p%2FEXAMPLE@[::1]:5433/d1?a=1&b=2&sslmode=require",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if strings.Contains(value.Reveal(), `\u0026`) {
		t.Error("the URL in the JSON is escaped for HTML")
	}
}

func TestJSONIsTheSameBytesEachTime(t *testing.T) {
	t.Parallel()
	u := parse(t, "postgres://u1:pEXAMPLE@h/d1")
	first, err := u.JSON("DATABASE_URL")
	if err != nil {
		t.Fatal(err)
	}
	for range 50 {
		if again, _ := u.JSON("DATABASE_URL"); !again.Equal(first) {
			t.Fatal("two payloads of one URL differ")
		}
	}
}

func TestJSONRefusesAConfigVarNamedAsOneOfItsKeys(t *testing.T) {
	t.Parallel()
	if _, err := parse(t, "postgres://u1:pEXAMPLE@h/d1").JSON("password"); err == nil {
		t.Error("the password key was overwritten")
	}
}

func TestReadGivesBackTheURL(t *testing.T) {
	t.Parallel()
	const url = "postgres://u%40x:p%2FEXAMPLE@h:5433/d1?sslmode=require"
	ours, err := parse(t, url).JSON("DATABASE_URL")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		"the URL alone":                      url,
		"with white space":                   " " + url + "\n",
		"our JSON":                           ours.Reveal(),
		"AWS's keys only":                    `{"engine":"postgres","host":"h","port":5433,"username":"u@x","password":"p/EXAMPLE","dbname":"d1"}`,
		"the URL beside a port that is text": `{"port":"5433","DATABASE_URL":"` + url + `"}`,
	}
	for name, value := range tests {
		got, err := connection.Read(credential.New(value), "DATABASE_URL")
		if err != nil || got.Text().Reveal() != url {
			t.Errorf("%s: got %s, %v", name, got.Text().Reveal(), err)
		}
	}
}

func TestReadTakesTheSchemeFromTheEngine(t *testing.T) {
	t.Parallel()
	const keys = `"host":"h","username":"u","password":"pEXAMPLE","dbname":"1"}`
	tests := map[string]string{ // the object: the URL
		`{` + keys:                              "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"engine":"postgres",` + keys:          "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"engine":"postgresql",` + keys:        "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"engine":"aurora-postgresql",` + keys: "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"engine":"redis",` + keys:             "rediss://u:pEXAMPLE@h:6379/1",
		`{"engine":"redis","port":6380,` + keys: "rediss://u:pEXAMPLE@h:6380/1",
		`{"engine":"postgres","port":1,` + keys: "postgres://u:pEXAMPLE@h:1/1?sslmode=require",
		`{"port":"1",` + keys:                   "postgres://u:pEXAMPLE@h:1/1?sslmode=require",
		`{"port":"65535",` + keys:               "postgres://u:pEXAMPLE@h:65535/1?sslmode=require",
		`{"port":null,` + keys:                  "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"port":0,` + keys:                     "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"port":"",` + keys:                    "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"engine":"redis","port":"",` + keys:   "rediss://u:pEXAMPLE@h:6379/1",
		// Keys in capitals are others.
		`{"Port":1,"HOST":"EXAMPLE","Engine":"mysql",` + keys:                "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"Port":1,"Username":7,` + keys:                                     "postgres://u:pEXAMPLE@h:5432/1?sslmode=require",
		`{"host":"::1","username":"u","password":"pEXAMPLE","dbname":"1"}`:   "postgres://u:pEXAMPLE@[::1]:5432/1?sslmode=require",
		`{"host":"[::1]","username":"u","password":"pEXAMPLE","dbname":"1"}`: "postgres://u:pEXAMPLE@[::1]:5432/1?sslmode=require",
	}
	for object, want := range tests {
		u, err := connection.Read(credential.New(object), "DATABASE_URL")
		if err != nil || u.Text().Reveal() != want {
			t.Errorf("%s: %s, %v", object, u.Text().Reveal(), err)
		}
	}
}

func TestReadRefusesWhatIsNoConnection(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the value: what the error says
		"":                    "it is empty: set the config var",
		"EXAMPLE":             "its scheme is not",
		"[]":                  "its scheme is not",
		"{":                   "not a JSON object",
		"{}":                  "no user name",
		`{"DATABASE_URL":""}`: "it is empty: set the config var",
		`{"DATABASE_URL":1}`:  "no user name",
		`{"host":"h"}`:        "no user name",
		`{"port":"EXAMPLE"}`:  "the keys of a Postgres secret",
		`{"port":"0"}`:        "the keys of a Postgres secret",
		`{"port":"01"}`:       "the keys of a Postgres secret",
		`{"port":" 1"}`:       "the keys of a Postgres secret",
		`{"port":"null"}`:     "the keys of a Postgres secret",
		`{"port":1.0}`:        "the keys of a Postgres secret",
		`{"port":1e0}`:        "the keys of a Postgres secret",
		`{"port":65536}`:      "the keys of a Postgres secret",
		`{"port":true}`:       "the keys of a Postgres secret",
		`{"HOST":"h","username":"u","password":"pEXAMPLE","dbname":"d1"}`:                  "no host",
		`{"engine":"mysql","host":"h","username":"u","password":"pEXAMPLE","dbname":"d1"}`: "another engine",
	}
	for value, says := range tests {
		_, err := connection.Read(credential.New(value), "DATABASE_URL")
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestJSONOfARedisHasNoKeysWithoutAValue(t *testing.T) {
	t.Parallel()
	tests := map[string]string{ // the URL: the object
		"rediss://:pEXAMPLE@h:6380":        `{"REDIS_URL":"rediss://:pEXAMPLE@h:6380","engine":"redis","host":"h","password":"pEXAMPLE","port":6380}`,
		"rediss://default:pEXAMPLE@h:1/2":  `{"REDIS_URL":"rediss://default:pEXAMPLE@h:1/2","dbname":"2","engine":"redis","host":"h","password":"pEXAMPLE","port":1,"username":"default"}`,
		"rediss://:pEXAMPLE@h?ssl_check=0": `{"REDIS_URL":"rediss://:pEXAMPLE@h?ssl_check=0","engine":"redis","host":"h","password":"pEXAMPLE","port":6379}`,
	}
	for text, want := range tests {
		object, err := parse(t, text).JSON("REDIS_URL")
		if err != nil || object.Reveal() != want {
			t.Errorf("%s: %s, %v", text, object.Reveal(), err)
		}
		back, err := connection.Read(object, "REDIS_URL")
		if err != nil || back.Text().Reveal() != text {
			t.Errorf("%s is read back as %s, %v", want, back.Text().Reveal(), err)
		}
	}
}

func TestOtherKeysAreThoseThatJSONDoesNotWrite(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]bool{
		`{"MY_URL":"EXAMPLE"}`: false,
		`{"engine":"","host":"","port":1,"username":"","password":"","dbname":"","MY_URL":""}`: false,
		`{"MY_URL":"EXAMPLE","STRIPE":"EXAMPLE"}`:                                              true,
		`{"DATABASE_URL":"EXAMPLE"}`:                                                           true,
		`{}`:                                                                                   false,
		`postgres://u1:pEXAMPLE@h/d1`:                                                          false,
		``:                                                                                     false,
	} {
		if got := connection.HasOtherKeys(credential.New(value), "MY_URL"); got != want {
			t.Errorf("%s: %t", value, got)
		}
	}
}
