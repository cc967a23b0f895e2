package consumer_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"

	"keepcurrent.example/consumer"
)

func TestAllCallersThatWaitShareOneSearch(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	s.must(s.db.Rotate(t.Context()))
	const callers = 50
	together := make(chan struct{})
	s.secret.meanwhile(func(context.Context, int) error {
		<-together
		s.publish()
		return nil
	})
	results := make(chan error, callers)
	for range callers {
		ctx := &waited{Context: t.Context(), waits: make(chan struct{})}
		go func() { results <- config.BeforeConnect(ctx, config.ConnConfig.Copy()) }()
		<-ctx.waits
	}
	close(together)
	for range callers {
		s.must(<-results)
	}
	if reads, logins := s.secret.count(), s.dials.Load(); reads != 1 || logins != 2 {
		t.Errorf("%d reads and %d logins, want 1 and 2", reads, logins)
	}
}

// waited is a context that tells when somebody waits for its end, or for something else.
type waited struct {
	context.Context
	once  sync.Once
	waits chan struct{}
}

func (w *waited) Done() <-chan struct{} {
	w.once.Do(func() { close(w.waits) })
	return w.Context.Done()
}

// Each caller has less time than the search takes. What it found is the next caller's.
func TestACallerThatGivesUpDoesNotEndTheSearch(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	s.must(s.db.Rotate(t.Context()))
	reading, answer := make(chan struct{}), make(chan struct{})
	s.secret.meanwhile(func(ctx context.Context, read int) error {
		if read > 1 {
			return nil
		}
		close(reading)
		select {
		case <-answer:
			s.publish()
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	impatient, cancel := context.WithCancel(t.Context())
	go func() {
		<-reading
		cancel()
	}()
	if err := config.BeforeConnect(impatient, config.ConnConfig.Copy()); !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	ctx := &waited{Context: t.Context(), waits: make(chan struct{})}
	second := make(chan error, 1)
	go func() { second <- config.BeforeConnect(ctx, config.ConnConfig.Copy()) }()
	<-ctx.waits
	close(answer)
	s.must(<-second)
	if reads := s.secret.count(); reads != 1 {
		t.Errorf("%d reads, and one was under way", reads)
	}
}

func TestWithoutAWaitASearchIsOneLoginAndOneRead(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	config := s.config()
	s.must(s.db.Rotate(t.Context()))
	for range 3 {
		s.secret.meanwhile(nil)
		s.dials.Store(0)
		err := config.BeforeConnect(t.Context(), config.ConnConfig.Copy())
		var e *consumer.Error
		if !errors.As(err, &e) || e.Kind != consumer.ErrRefused || e.SQLState != "28P01" || e.Version != "version-1" ||
			e.SecretID != "shop/database" || !strings.Contains(s.db.URL(), "@"+e.Address+"/") {
			t.Fatalf("got %v", err)
		}
		if reads, logins := s.secret.count(), s.dials.Load(); reads > 1 || logins != 1 {
			t.Errorf("%d reads and %d logins, want 1 and 1", reads, logins)
		}
		silent(t, s, err)
	}
}

func TestAHostThatStaysAwaySaysSo(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	config := s.config()
	s.must(s.db.Refuse())
	err := config.BeforeConnect(t.Context(), config.ConnConfig)
	var network *net.OpError
	if !errors.Is(err, consumer.ErrUnreachable) || !errors.As(err, &network) {
		t.Errorf("got %v", err)
	}
	silent(t, s, err)
}

func TestWhatIsNoConnectionIsNotShown(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", "EXAMPLE", "{EXAMPLE", "[]", "{}", `{"DATABASE_URL":"EXAMPLE"}`, `{"DATABASE_URL":"mysql://u:EXAMPLE@h/d"}`,
		"mysql://u:EXAMPLE@h/d", "postgres:///EXAMPLE", "postgres://u:EXAMPLE@h:EXAMPLE/d", "postgres://u:EXAMPLE@h/d?sslmode=EXAMPLE",
		"postgres://u:EXAMPLE@h/d?sslmode=EXAMPLE&sslrootcert=/missing/root.crt",
		"postgres://u:EXAMPLE\n@h/d", "postgres://u:%zzEXAMPLE@h/d", `{"host":"h","port":"EXAMPLE","username":"u","password":"EXAMPLE"}`, `{"host":"h","port":"70000","username":"u"}`,
		`{"engine":"mysql","host":"h","username":"u","password":"EXAMPLE","dbname":"d"}`,
		// Passwords that are not encoded: what stands before their @ is no host.
		"postgres://u:1234/EXAMPLE@h/d", "postgres://u:1234?EXAMPLE@h/d", "postgres://u:1234#EXAMPLE@h/d", "postgres://u:12345/x/EXAMPLE@h:1/d",
		"postgres://u:EXAMPLE@1234/EXAMPLE@h/d", "postgres://u:EXAMPLE@1234#EXAMPLE@h/d",
	} {
		source := &consumer.Source{Client: &secret{value: value}, SecretID: "shop/database"}
		_, err := source.PoolConfig(t.Context())
		if !errors.Is(err, consumer.ErrFormat) {
			t.Errorf("%q: %v", value, err)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "EXAMPLE") {
			t.Errorf("%q is shown: %s", value, text)
		}
	}
}

func TestAKeyWithoutAURLIsNamedAndNoValueIsShown(t *testing.T) {
	t.Parallel()
	many := make(map[string]string)
	for i := range 14 {
		many[fmt.Sprintf("K%02d", i)] = "EXAMPLE"
	}
	object, err := json.Marshal(many)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ value, key, want string }{
		{"", "db", `the secret is not a JSON object, so it has no key "db"`},
		{"null", "db", `the secret is not a JSON object, so it has no key "db"`},
		{"postgres://u:EXAMPLE@h/d", "db", `the secret is not a JSON object, so it has no key "db"`},
		{`["EXAMPLE"]`, "db", `the secret is not a JSON object, so it has no key "db"`},
		{`{"db":"EXAMPLE"`, "db", `the secret is not a JSON object, so it has no key "db"`},
		{`{"db":"EXAMPLE"}{}`, "db", `the secret is not a JSON object, so it has no key "db"`},
		{`{}`, "db", `the secret has no key "db"; its keys: none`},
		{`{"STRIPE":"EXAMPLE","DB":"EXAMPLE"}`, "db", `the secret has no key "db"; its keys: "DB", "STRIPE"`},
		{`{"a.b":"EXAMPLE","postgres://u:EXAMPLE@h/d":1,"` + strings.Repeat("x", 32) + `":2,"":3}`, "a",
			`the secret has no key "a"; its keys: "a.b", 3 not shown`},
		{`{"sk/EXAMPLE":1}`, "db", `the secret has no key "db"; its keys: 1 not shown`},
		{string(object), "db", `the secret has no key "db"; its keys: "K00", "K01", "K02", "K03", "K04", "K05", "K06", "K07", "K08", "K09", 4 not shown`},
		{`{}`, "postgres://u:EXAMPLE@h/d", `the secret has no key (not shown); its keys: none`},
		{`{}`, "p" + strings.Repeat("0123456789abcdef", 4), `the secret has no key (not shown); its keys: none`},
		{`{"db":"EXAMPLE"}`, "db", `the secret has no Postgres URL under the key "db"`},
		{`{"db":"mysql://u:EXAMPLE@h/d"}`, "db", `the secret has no Postgres URL under the key "db"`},
		{`{"db":{"url":"postgres://u:EXAMPLE@h/d"}}`, "db", `the secret has no Postgres URL under the key "db"`},
		{`{"db":["postgres://u:EXAMPLE@h/d"]}`, "db", `the secret has no Postgres URL under the key "db"`},
		{`{"db":null,"host":"h","username":"EXAMPLE"}`, "db", `the secret has no Postgres URL under the key "db"`},
	} {
		source := &consumer.Source{Client: &secret{value: tt.value}, SecretID: "shop/database", Key: tt.key}
		_, err := source.PoolConfig(t.Context())
		want := "consumer: secret shop/database, version version-0: Source.Key leads to no Postgres URL: " + tt.want
		if !errors.Is(err, consumer.ErrKey) || err.Error() != want {
			t.Errorf("%q, key %q: got\n%v\nwant\n%s", tt.value, tt.key, err, want)
		}
		if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "EXAMPLE") {
			t.Errorf("%q is shown: %s", tt.value, text)
		}
	}
}

func TestWithoutAKeySeveralURLsAreNamed(t *testing.T) {
	t.Parallel()
	value := `{"B_URL":"postgres://u:EXAMPLE@b/d","A_URL":"postgres://u:EXAMPLE@a/d","STRIPE":"EXAMPLE"}`
	source := &consumer.Source{Client: &secret{value: value}, SecretID: "shop/database"}
	_, err := source.PoolConfig(t.Context())
	if !errors.Is(err, consumer.ErrFormat) || !strings.HasSuffix(err.Error(), `: several keys hold one: "A_URL", "B_URL"; choose with Source.Key`) || strings.Contains(err.Error(), "EXAMPLE") {
		t.Errorf("got %v", err)
	}
}

func TestAFailedReadSaysWhichAndQuotesNoAnswer(t *testing.T) {
	t.Parallel()
	failing := &secret{}
	failing.meanwhile(func(context.Context, int) error { return errors.New(`invalid character 'p' in "pEXAMPLE"`) })
	source := &consumer.Source{Client: failing, SecretID: "shop/database"}
	_, err := source.PoolConfig(t.Context())
	if !errors.Is(err, consumer.ErrUnread) || !strings.Contains(err.Error(), "shop/database") || strings.Contains(err.Error(), "EXAMPLE") {
		t.Errorf("got %v", err)
	}
}

// A program that takes the wrong variable must not print what is in it, nor send it to AWS.
func TestASecretIDThatIsNoneIsNotShownAndNotSent(t *testing.T) {
	t.Parallel()
	for _, id := range []string{
		"", "postgres://u:EXAMPLE@h/d", "postgres://u:pEXAMPLE@h:5432/d?sslmode=require", "Bearer EXAMPLE", `{"url":"EXAMPLE"}`, "shop/EXAMPLE\n",
		"arn:aws:rds:eu-west-1:123456789012:db:EXAMPLE", strings.Repeat("EXAMPLE", 100),
	} {
		asked := &secret{}
		source := &consumer.Source{Client: asked, SecretID: id}
		_, poolErr := source.PoolConfig(t.Context())
		_, err := source.ConnConfig(t.Context())
		for _, err := range []error{poolErr, err} {
			var e *consumer.Error
			if !errors.As(err, &e) || e.Kind != consumer.ErrUnread || e.SecretID != "(not shown)" || !strings.Contains(err.Error(), "Source.SecretID") {
				t.Errorf("%q: got %v", id, err)
			}
			object, _ := json.Marshal(err)
			if text := fmt.Sprintf("%v %+v %#v %s", err, err, err, object); strings.Contains(text, "EXAMPLE") {
				t.Errorf("%q is shown: %s", id, text)
			}
		}
		if asked.count() > 0 {
			t.Errorf("%q was sent", id)
		}
	}
}

func TestASecretIDIsShownUnlessItMayBeAPassword(t *testing.T) {
	t.Parallel()
	password := "p" + strings.Repeat("0123456789abcdef", 4)
	longest := "arn:aws:secretsmanager:eu-west-1:123456789012:secret:" + strings.Repeat("n", 512) + "-AbCd12"
	for id, shown := range map[string]string{
		"shop/database": "shop/database", "a": "a", "rds!db-1_+=.@": "rds!db-1_+=.@",
		"arn:aws:secretsmanager:eu-west-1:123456789012:secret:heroku/shop/DATABASE_URL-AbCd12": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:heroku/shop/DATABASE_URL-AbCd12",
		"arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:shop-AbCd12":          "arn:aws-us-gov:secretsmanager:us-gov-west-1:123456789012:secret:shop-AbCd12",
		longest:                                longest,
		"terraform-20260101000000000000000001": "terraform-20260101000000000000000001",
		password:                               "(not shown)",
		"shop/" + password:                     "(not shown)",
	} {
		failing := refusing{&smithy.GenericAPIError{Code: "AccessDeniedException", Message: "no right to " + id}}
		_, err := (&consumer.Source{Client: failing, SecretID: id}).PoolConfig(t.Context())
		if !errors.Is(err, consumer.ErrUnread) || !strings.Contains(err.Error(), "secret "+shown+": ") || !strings.Contains(err.Error(), "no right to "+shown) {
			t.Errorf("%s: got %v, want it to show %s", id, err, shown)
		}
	}
}

// refusing is a Secrets Manager that answers any read with an error.
type refusing struct{ err error }

func (r refusing) GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	return nil, r.err
}

func TestASourceShowsNothing(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.works(s.pool(s.config()))
	s.source.Client = nil // this test's client contains the value
	silent(t, s, s.source)
	var texts []string
	walk(reflect.ValueOf(s.source), map[any]bool{}, &texts)
	if len(texts) == 0 {
		t.Fatal("the walk found nothing")
	}
	concealed(t, s, strings.Join(texts, "\n"))
}

// silent fails the test if a value shows user or password in any print.
func silent(t *testing.T, s *shop, v any) {
	t.Helper()
	text := fmt.Sprintf("%v %+v %#v %s %q %x", v, v, v, v, v, v)
	object, err := json.Marshal(v)
	s.must(err)
	concealed(t, s, text+string(object))
}

func concealed(t *testing.T, s *shop, text string) {
	t.Helper()
	u, err := url.Parse(s.db.URL())
	s.must(err)
	for _, hidden := range append(s.db.Passwords(), u.User.Username()) {
		if strings.Contains(text, hidden) || strings.Contains(text, fmt.Sprintf("%x", hidden)) {
			t.Errorf("it shows a credential: %s", text)
		}
	}
}

// walk collects all texts that a printer by reflection would find.
func walk(v reflect.Value, seen map[any]bool, texts *[]string) {
	switch v.Kind() {
	case reflect.String:
		*texts = append(*texts, v.String())
	case reflect.Pointer:
		if !v.IsNil() && !seen[v.Pointer()] {
			seen[v.Pointer()] = true
			walk(v.Elem(), seen, texts)
		}
	case reflect.Interface:
		walk(v.Elem(), seen, texts)
	case reflect.Struct:
		for i := range v.NumField() {
			walk(v.Field(i), seen, texts)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			walk(v.Index(i), seen, texts)
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			walk(key, seen, texts)
			walk(v.MapIndex(key), seen, texts)
		}
	}
}

// The code in the package's doc comment is the example that is compiled.
func TestTheDocCommentIsTheExample(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	var code []string
	for line := range strings.Lines(string(doc)) {
		if line, ok := strings.CutPrefix(line, "//\t"); ok {
			code = append(code, strings.TrimSpace(line))
		}
	}
	_, body, _ := strings.Cut(string(example), "func Example() {\n")
	body, _, _ = strings.Cut(body, "\n}\n")
	var compiled []string
	for line := range strings.Lines(body) {
		if line = strings.TrimSpace(line); line != "" {
			compiled = append(compiled, line)
		}
	}
	if len(code) == 0 || !reflect.DeepEqual(code, compiled) {
		t.Errorf("the doc comment has\n%s\nand the example\n%s", strings.Join(code, "\n"), strings.Join(compiled, "\n"))
	}
}
