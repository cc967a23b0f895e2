package e2e_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/stacktest"
)

const (
	neither   = "the secret holds neither a Postgres URL nor an object with one"
	ambiguous = "the secret's Postgres URL is ambiguous: percent-encode each / ? # @ in its user name, password and database name"
)

// keyCase is a secret, the key that a program asks for, and what the program gets: the
// URL with a port, or an error.
type keyCase struct {
	Value string `json:"value"`
	Key   string `json:"key"`
	port  int
	err   string
}

// The secrets hold postgres://u:EXAMPLE@127.0.0.1:PORT/d, written as @PORT here.
func keyCases() []keyCase {
	var many []string
	for i := range 14 {
		many = append(many, fmt.Sprintf(`"K%02d":"EXAMPLE"`, 13-i))
	}
	cases := []keyCase{
		{`{"STRIPE":"EXAMPLE","db":"@2","OTHER_URL":"@3"}`, "db", 2, ""},
		{"\n { \"price\":1e400,\"db\":\"@2\",\"nested\":{\"db\":\"@3\"} }\n", "db", 2, ""},
		{`{"db":"@3","db":"@2"}`, "db", 2, ""},
		{`{"a\u002eb":"@2","a":{"b":"@3"}}`, "a.b", 2, ""},
		{`{"host":"127.0.0.1","port":3,"my_url":"@2"}`, "my_url", 2, ""},
		{`{"host":"127.0.0.1","port":3,"DATABASE_URL":"@2"}`, "", 2, ""},
		{"\n{\"STRIPE\":1e400,\"DATABASE_URL\":\"@2\"}", "", 2, ""},
		{"@2\n", "", 2, ""},

		{``, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`null`, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`@2`, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`["@2"]`, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`{"db":"@2"`, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`{"db":"@2"}{}`, "db", 0, `the secret is not a JSON object, so it has no key "db"`},
		{`{}`, "db", 0, `the secret has no key "db"; its keys: none`},
		{`{}`, "toString", 0, `the secret has no key "toString"; its keys: none`},
		{`{}`, "@2", 0, `the secret has no key (not shown); its keys: none`},
		{`{"STRIPE":"EXAMPLE","DB":"@2"}`, "db", 0, `the secret has no key "db"; its keys: "DB", "STRIPE"`},
		{`{"a.b":1,"@2":1,"sk/EXAMPLE":1,"` + strings.Repeat("x", 32) + `":2,"":3,"ключ":4}`, "a", 0, `the secret has no key "a"; its keys: "a.b", 5 not shown`},
		{`{` + strings.Join(many, ",") + `}`, "db", 0, `the secret has no key "db"; its keys: "K00", "K01", "K02", "K03", "K04", "K05", "K06", "K07", "K08", "K09", 4 not shown`},
		{`{"db":"EXAMPLE"}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":"https://u:EXAMPLE@h"}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":"host=EXAMPLE"}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":["@2"]}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":{"url":"@2"}}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":7}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
		{`{"db":null}`, "db", 0, `the secret has no Postgres URL under the key "db"`},
	}
	cases = slices.Concat(cases, keylessCases(), moreKeylessCases(), partsCases(), splitCases())
	for i := range cases {
		for _, text := range []*string{&cases[i].Value, &cases[i].Key} {
			for port := range 4 {
				*text = strings.ReplaceAll(*text, fmt.Sprint("@", port), fmt.Sprintf("postgres://u:EXAMPLE@127.0.0.1:%d/d", port))
			}
		}
	}
	return cases
}

// keylessCases are secrets of which a program names no key: a person or a tool may have
// written them.
func keylessCases() []keyCase {
	return []keyCase{
		{" \t@2\r\n", "", 2, ""},
		{`{"DATABASE_URL":"postgresql://u:EXAMPLE\u0040127.0.0.1:2/d"}`, "", 2, ""},
		{`{"MY_URL":"@2","STRIPE":"EXAMPLE","REPORTS":"https://u:EXAMPLE@h"}`, "", 2, ""},
		{`{"engine":"mysql","host":7,"MY_URL":"@2"}`, "", 2, ""},
		{`{"A":"@1","B":"@2","host":"127.0.0.1","port":3}`, "", 3, ""},
		{`{"A":"@1","B":"@2","STRIPE":"EXAMPLE"}`, "", 0, `several keys hold one: "A", "B"; choose with key`},
		{`{"B":"@2","sk/EXAMPLE":"@1","engine":"mysql","host":"127.0.0.1","port":3}`, "", 0, `several keys hold one: "B", 1 not shown; choose with key`},

		{`{"engine":"postgres","host":"127.0.0.1","port":3,"username":"u","password":"EXAMPLE","dbname":"d"}`, "", 3, ""},
		{`{"engine":"aurora-postgresql","host":"127.0.0.1","port":3}`, "", 3, ""},
		{`{"engine":"postgresql","host":"127.0.0.1","port":"3","username":null}`, "", 3, ""},
		{`{"host":"127.0.0.1","port":3,"username":"u/:@?#%","password":" EXAMPLE%2f"}`, "", 3, ""},
		{`{"engine":"mysql","host":"127.0.0.1","port":3}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":65536}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":"EXAMPLE"}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":true}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":3,"username":7}`, "", 0, neither},
		{`{"port":3,"password":"EXAMPLE"}`, "", 0, neither},

		{``, "", 0, neither},
		{`null`, "", 0, neither},
		{`{}`, "", 0, neither},
		{`["@2"]`, "", 0, neither},
		{`"@2"`, "", 0, neither},
		{`{"DATABASE_URL":"@2"`, "", 0, neither},
		{`{"DATABASE_URL":" @2"}`, "", 0, neither},
		{`{"DATABASE_URL":"@2\n"}`, "", 0, neither},
		{`{"DATABASE_URL":{"url":"@2"}}`, "", 0, neither},
		{`{"DATABASE_URL":"host=EXAMPLE"}`, "", 0, neither},
		{`{"DATABASE_URL":"@2"}{}`, "", 0, neither},
		{`{"host":"127.0.0.1","port":2.5}`, "", 0, neither},
		{`postgres://h:EXAMPLE/d`, "", 0, neither},
		{`https://u:EXAMPLE@h`, "", 0, neither},
		{`postgres:///d?password=EXAMPLE`, "", 0, neither},
		{`{"DATABASE_URL":"postgres://u:EXAMPLE\n\u0040127.0.0.1:2/d"}`, "", 0, neither},
	}
}

type keyAnswer struct {
	Port  int
	Host  string
	Error string
}

func (c keyCase) check(t *testing.T, got keyAnswer) {
	t.Helper()
	want := keyAnswer{Port: c.port, Error: c.err}
	switch {
	case c.port == 0:
	case strings.Contains(c.Value, "::1"):
		want.Host = "::1"
	default:
		want.Host = "127.0.0.1"
	}
	if got != want {
		t.Errorf("%q, key %q: got %+v, want %+v", c.Value, c.Key, got, want)
	}
}

// checkAnswers checks what a recipe made of all cases.
func checkAnswers(t *testing.T, answers []recipeAnswer) {
	t.Helper()
	for i, c := range keyCases() {
		c.check(t, answers[i].keyAnswer)
	}
}

func TestNodeRecipeTakesAKey(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t, "testdata/keys.mjs")
	checkAnswers(t, readBy(t, dir, "node", "keys.mjs", keyCases()))
	s := openShop(t, stacktest.Config{})
	s.bindKey()
	killedAtOnce(s.startProgram(dir, "node program.mjs", "WAY=secret", "KEY=orders.db"))
	s.hasNeighbours()
}

func TestPythonRecipeTakesAKey(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, recipes+"/pool.py", "testdata/program.py", "testdata/keys.py")
	checkAnswers(t, readBy(t, dir, interpreter, "keys.py", keyCases()))
	s := openShop(t, stacktest.Config{})
	s.bindKey()
	killedAtOnce(s.startProgram(dir, interpreter+" program.py", "KEY=orders.db"))
	s.hasNeighbours()
}

func moreKeylessCases() []keyCase {
	const parts = `"host":"127.0.0.1","username":"u","password":"EXAMPLE","dbname":"d"`
	cases := []keyCase{
		{"@2", "", 2, ""},
		{" \t@2\r\n", "", 2, ""},
		{`{"db":"@2"}`, "", 2, ""},
		{"\n{\"STRIPE\":\"EXAMPLE\",\"db\":\"@2\",\"CACHE\":\"rediss://h\"}\n", "", 2, ""},
		{`{"engine":"postgres","port":3,` + parts + `,"db":"@2"}`, "", 2, ""},
		{`{"engine":"mysql","port":3,` + parts + `,"db":"@2"}`, "", 2, ""},
		{`{"DATABASE_URL":"@3","db":"@3","port":2,` + parts + `}`, "", 2, ""},
		{`{"port":2,` + parts + `}`, "", 2, ""},
		{`{` + parts + `}`, "", 5432, ""},
		{`{"port":null,"engine":null,` + parts + `}`, "", 5432, ""},
		{`{"port":0,` + parts + `}`, "", 5432, ""},
		{`{"engine":"postgres","port":"2",` + parts + `}`, "", 2, ""},
		{`{"engine":"aurora-postgresql","port":2,` + parts + `}`, "", 2, ""},

		{`{"engine":"mysql","host":7,"db":"@2"}`, "", 2, ""},
		{`{"A":"@1","B":"@3","host":"127.0.0.1","port":2}`, "", 2, ""},
		{`{"host":"127.0.0.1","port":2,"username":"u/:@?#%","password":" EXAMPLE%2f"}`, "", 2, ""},
		{`{"engine":"postgresql","host":"127.0.0.1","port":"2","username":null}`, "", 2, ""},

		{`{"DATABASE_URL":"@2","db":"@3"}`, "", 0, `several keys hold one: "DATABASE_URL", "db"; choose with key`},
		{`{"@2":"@2","db":"@3"}`, "", 0, `several keys hold one: "db", 1 not shown; choose with key`},
	}
	for _, value := range []string{
		"", "EXAMPLE", "null", "[]", "{}", `"@2"`, `{"db":"@2"`, `{"db":"@2"}{}`, `["@2"]`,
		"https://u:EXAMPLE@h", "redis://:EXAMPLE@h", "host=h password=EXAMPLE", "postgres://", "postgres:///d", "postgres://u:EXAMPLE@/d",
		"postgres://h:EXAMPLE/d",
		`{"db":"https://u:EXAMPLE@h"}`, `{"db":" @2"}`, `{"db":"@2\n"}`, `{"db":"postgres://u:EXAMPLE\n\u0040127.0.0.1:2/d"}`, `postgres:///d?password=EXAMPLE`, `{"db":["@2"]}`, `{"db":{"db":"@2"}}`,
		`{"engine":"mysql",` + parts + `}`, `{"port":true,` + parts + `}`, `{"port":2.5,` + parts + `}`, `{"port":70000,` + parts + `}`, `{"port":"EXAMPLE",` + parts + `}`,
		`{"host":7,"username":"u","password":"EXAMPLE"}`, `{"host":"h","username":false}`, `{"username":"u","password":"EXAMPLE"}`,
	} {
		cases = append(cases, keyCase{value, "", 0, neither})
	}
	return cases
}

// partsCases are secrets with the keys of AWS's own tools.
func partsCases() []keyCase {
	cases := []keyCase{
		{`{"host":"127.0.0.1","port":3,"username":"u","dbname":"d@x"}`, "", 3, ""},
		{`{"host":"127.0.0.1","port":3,"HOST":7,"Port":4,"ENGINE":"mysql"}`, "", 3, ""},
		{`{"host":"127.0.0.1","Port":3,"username":"u"}`, "", 5432, ""},
		{`{"host":"127.0.0.1","port":3,"weight":1.5,"note":"\"1.0\" 2.0"}`, "", 3, ""},
		{`{"host":"::1","port":3,"username":"u","password":"EXAMPLE"}`, "", 3, ""},
		{`{"host":"[::1]","port":3,"username":"u","password":"EXAMPLE"}`, "", 3, ""},
		{`{"host":"::1"}`, "", 5432, ""},
	}
	for _, value := range []string{
		`{"HOST":"127.0.0.1","port":3,"username":"u"}`, `{"Host":"127.0.0.1","port":3}`,
		// What is no JSON, although some decoders take it.
		`{"host":"127.0.0.1","port":3,"weight":NaN}`, `{"host":"127.0.0.1","port":3,"weight":Infinity}`, `{"host":"127.0.0.1","port":3,"weight":-Infinity}`,
		`{"host":"127.0.0.1","port":3,"weight":01}`, `{"host":"127.0.0.1","port":3,"weight":1.}`,
	} {
		cases = append(cases, keyCase{value, "", 0, neither})
	}
	for _, port := range []struct {
		written []string
		want    int // 0 is an error
	}{
		{[]string{`1`, `"1"`}, 1},
		{[]string{`3`, `"3"`, `"\u0033"`}, 3},
		{[]string{`65535`, `"65535"`}, 65535},
		{[]string{`null`, `0`, `""`}, 5432},
		{[]string{
			`-3`, `3.0`, `3e0`, `2.5`, `65536`, `100000`, `true`, `false`, `[3]`, `[]`, `{}`,
			`"0"`, `"03"`, `" 3"`, `"3 "`, `"+3"`, `"-3"`, `"3.0"`, `"3e0"`, `"null"`, `"65536"`,
		}, 0},
	} {
		for _, written := range port.written {
			c := keyCase{`{"host":"127.0.0.1","port":` + written + `,"username":"u"}`, "", port.want, ""}
			if port.want == 0 {
				c.err = neither
			}
			cases = append(cases, c)
		}
	}
	return cases
}

// splitCases are URLs of which a part of the password, which is not encoded, would be taken
// for the host: for 1234, for u or for 9.
func splitCases() []keyCase {
	cases := []keyCase{
		{`{"db":"postgres://u:EXA/MPLE@h/d"}`, "", 0, ambiguous},
		{`{"db":"postgres://u:EXA/MPLE@h/d"}`, "db", 0, ambiguous},
		{`postgres://u:EXAMPLE%2F%3F%23%40@[::1]:2/d?application_name=a@b`, "", 2, ""},
	}
	for _, value := range []string{
		`postgres://u:EXA/MPLE@h/d`, `postgres://u:EXA?MPLE@h/d`, `postgres://u:EXA#MPLE@h/d`, `postgres://u:EXA@MPLE@h/d`,
		`postgres://u:1234/EXAMPLE@h:2/d`, `postgres://u:1234?EXAMPLE@h:2/d`, `postgres://u:1234#EXAMPLE@h:2/d`,
		`postgres://u:12345/x/EXAMPLE@h:2/d`, `postgres://u:EXAMPLE@9/EXAMPLE@h:2/d`, `postgres://u:EXAMPLE@9#EXAMPLE@h:2/d`,
		`postgres://u:/EXAMPLE@h/d`, `postgres://u/EXAMPLE@h/d`, `postgres://u:1234?EXAMPLE=EXAMPLE@h/d`, `postgresql://u:EXAMPLE@9@h/d`,
		`postgres://u:EXAMPLE@9?EXAMPLE@h:2/d`, `postgres://u:EXAMPLE@9?EXAMPLE@h`, `postgres://h/d?user=u&password=EX@MPLE`, `postgres://:1234/EXAMPLE@h/d`,
	} {
		cases = append(cases, keyCase{value, "", 0, ambiguous})
	}
	return cases
}

// The package takes what the recipes take, and reports the same.
func TestPackageTakesAKey(t *testing.T) {
	t.Parallel()
	for _, c := range keyCases() {
		source := &consumer.Source{Client: constant(c.Value), SecretID: "shop/settings", Key: c.Key, Wait: time.Nanosecond}
		config, err := source.PoolConfig(t.Context())
		var got keyAnswer
		var failure *consumer.Error
		if errors.As(err, &failure) {
			got.Error = strings.Replace(cmp.Or(failure.Err, failure.Kind).Error(), "Source.Key", "key", 1)
		} else if errors.As(config.BeforeConnect(t.Context(), config.ConnConfig), &failure) { // nothing listens there
			var port string
			got.Host, port, _ = net.SplitHostPort(failure.Address)
			got.Port, _ = strconv.Atoi(port)
		}
		c.check(t, got)
	}
}

// constant is a Secrets Manager whose only secret never changes.
type constant string

func (c constant) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	value, version := string(c), "EXAMPLE"
	return &secretsmanager.GetSecretValueOutput{SecretString: &value, VersionId: &version}, nil
}

const neighbours = `{"price":1.50, "REPORTS_URL" : "postgres://u@h/d"`

// bindKey replaces the bound secret, which has the URL alone, by one that holds other keys.
func (s *shop) bindKey() {
	s.t.Helper()
	s.secret = s.bind(s.app.Name, "shop/settings", "heroku:format=key", "heroku:key=orders.db")
	s.put(s.secret, neighbours+"}")
	s.poll()
}

func (s *shop) hasNeighbours() {
	s.t.Helper()
	if value := s.value(s.secret); !strings.HasPrefix(value, neighbours+`,"orders.db":"`) {
		s.t.Error("the other keys are not as they were")
	}
}
