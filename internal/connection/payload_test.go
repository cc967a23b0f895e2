package connection_test

import (
	"encoding/json"
	"fmt"
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
		"the URL alone":          url,
		"with white space":       " " + url + "\n",
		"our JSON":               ours.Reveal(),
		"AWS's keys only":        `{"engine":"postgres","host":"h","port":5433,"username":"u@x","password":"p/EXAMPLE","dbname":"d1"}`,
		"the URL beside strange": `{"port":"5433","DATABASE_URL":"` + url + `"}`,
	}
	for name, value := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := connection.Read(credential.New(value), "DATABASE_URL")
			if err != nil {
				t.Fatal(err)
			}
			if got.Username() != "u@x" || got.Password().Reveal() != "p/EXAMPLE" || got.Host() != "h" || got.Port() != 5433 || got.Database() != "d1" {
				t.Errorf("got %s", got.Text().Reveal())
			}
		})
	}
}

func TestReadRefusesWhatIsNoConnection(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"", "{", "{}", "[]", `{"DATABASE_URL":""}`, `{"DATABASE_URL":1}`, `{"host":"h"}`, `{"port":"EXAMPLE"}`, "EXAMPLE"} {
		if _, err := connection.Read(credential.New(value), "DATABASE_URL"); err == nil {
			t.Errorf("%q was taken", value)
		} else if strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("the error quotes the value: %v", err)
		}
	}
}

func TestJSONOfARedisHasNoKeysWithoutAValue(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"rediss://:pEXAMPLE@h:6380":        `{"REDIS_URL":"rediss://:pEXAMPLE@h:6380","engine":"redis","host":"h","password":"pEXAMPLE","port":6380}`,
		"rediss://default:pEXAMPLE@h:1/2":  `{"REDIS_URL":"rediss://default:pEXAMPLE@h:1/2","dbname":"2","engine":"redis","host":"h","password":"pEXAMPLE","port":1,"username":"default"}`,
		"rediss://:pEXAMPLE@h?ssl_check=0": `{"REDIS_URL":"rediss://:pEXAMPLE@h?ssl_check=0","engine":"redis","host":"h","password":"pEXAMPLE","port":6379}`,
	}
	for text, want := range tests {
		u := parse(t, text)
		if u.Engine() != connection.Redis || u.SSLMode() != "" {
			t.Errorf("%s: engine %s, sslmode %q", text, u.Engine(), u.SSLMode())
		}
		value, err := u.JSON("REDIS_URL")
		if err != nil || value.Reveal() != want {
			t.Errorf("%s: %s, %v", text, value.Reveal(), err)
			continue
		}
		for _, form := range []string{want, text, `{"engine":"redis","host":"` + u.Host() + `","port":` + fmt.Sprint(u.Port()) + `,"username":"` + u.Username() + `","password":"pEXAMPLE","dbname":"` + u.Database() + `"}`} {
			back, err := connection.Read(credential.New(form), "REDIS_URL")
			if err != nil || back.Engine() != connection.Redis || back.Host() != u.Host() || back.Port() != u.Port() || !back.Password().Equal(u.Password()) {
				t.Errorf("%s is not read back: %v", form, err)
			}
		}
	}
}
