package e2e_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/redistest"
	"keepcurrent.example/internal/testserver/stacktest"
)

func TestARedisIsFollowedLikeAPostgres(t *testing.T) {
	t.Parallel()
	store := redistest.Run(t)
	s := start(t, stacktest.Config{})
	app := s.Heroku.CreateApp("shop")
	app.Set("REDIS_URL", store.URL())
	secret := s.bind("shop", "shop/redis", "heroku:config-var=REDIS_URL")
	holds := func(url string) {
		t.Helper()
		var got map[string]any
		s.must(json.Unmarshal([]byte(s.value(secret)), &got))
		_, password, _ := strings.Cut(strings.SplitN(url, "@", 2)[0], "rediss://:")
		if got["REDIS_URL"] != url || got["engine"] != "redis" || got["password"] != password || got["host"] != "127.0.0.1" {
			t.Error("the secret does not hold the URL that Heroku shows")
		}
	}
	if report := s.poll(); report.Published != 1 {
		t.Fatalf("report: %+v", report)
	}
	holds(store.URL())

	good := store.URL()
	app.Set("REDIS_URL", strings.Replace(good, ":p", ":wrong", 1))
	if report := s.poll(); report.Held != 1 {
		t.Errorf("a password that does not log in is not held: %+v", report)
	}
	holds(good)

	s.must(store.Rotate(t.Context()))
	app.Set("REDIS_URL", store.URL())
	if status := s.announce(app); status != 204 {
		t.Errorf("status %d", status)
	}
	holds(store.URL())
}

// Promoting, pooling, following or attaching a database only changes config vars.
func TestEachBindingFollowsItsOwnConfigVarOfItsOwnApp(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	follower := s.database()
	s.app.Set("HEROKU_POSTGRESQL_TEAL_URL", follower.URL())
	s.app.Set("DATABASE_CONNECTION_POOL_URL", s.db.URL()+"?application_name=EXAMPLE")
	blog := s.Heroku.CreateApp("blog") // one database, attached to two apps
	blog.Set("SHOP_URL", s.db.URL())
	want := map[string]string{ // by secret
		"shop/follower": follower.URL() + "?sslmode=require",
		"shop/pool":     s.db.URL() + "?application_name=EXAMPLE&sslmode=require",
		"blog/shop":     strings.Replace(s.db.URL(), "postgres://", "postgresql://", 1) + "?sslmode=require",
	}
	for secret, tags := range map[string][]string{
		"shop/follower": {"heroku:config-var=HEROKU_POSTGRESQL_TEAL_URL", "heroku:format=url"},
		"shop/pool":     {"heroku:config-var=DATABASE_CONNECTION_POOL_URL", "heroku:format=url"},
		"blog/shop":     {"heroku:config-var=SHOP_URL", "heroku:format=url", "heroku:scheme=postgresql"},
	} {
		s.bind(strings.Split(secret, "/")[0], secret, tags...)
	}
	if report := s.poll(); report.Published != 3 || report.Unchanged != 1 {
		t.Errorf("report: %+v", report)
	}
	for secret, url := range want {
		if s.value(secret) != url {
			t.Errorf("%s does not hold what it follows", secret)
		}
	}

	s.must(s.db.Rotate(t.Context())) // the other app is behind for a moment, and its secret with it
	s.app.Set("DATABASE_URL", s.db.URL())
	s.poll()
	s.equal()
	if s.value("blog/shop") != want["blog/shop"] {
		t.Error("a binding follows another app than its own")
	}
}

// An sslmode breaks some programs that work at Heroku.
func TestAURLStaysAsHerokuWritesItWhereTheTagSaysSo(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	store := redistest.Run(t)
	s.app.Set("REDIS_URL", store.URL())
	s.app.Set("OWN_URL", s.db.URL()+"?sslmode=require&application_name=EXAMPLE")
	const unchanged = "heroku:sslmode=unchanged"
	url := s.bind("shop", "shop/url", "heroku:format=url", unchanged)
	spelt := s.bind("shop", "shop/spelt", "heroku:format=url", "heroku:scheme=postgresql", unchanged)
	own := s.bind("shop", "shop/own", "heroku:format=url", "heroku:config-var=OWN_URL", unchanged)
	object := s.bind("shop", "shop/json", unchanged)
	settings := s.bind("shop", "shop/settings", "heroku:format=key", "heroku:config-var=DATABASE_URL REDIS_URL", unchanged)
	redis := s.bind("shop", "shop/redis", "heroku:format=url", "heroku:config-var=REDIS_URL", unchanged)
	holds := func() {
		t.Helper()
		for secret, want := range map[string]string{
			url:   s.db.URL(),
			spelt: strings.Replace(s.db.URL(), "postgres://", "postgresql://", 1),
			own:   s.db.URL() + "?sslmode=require&application_name=EXAMPLE",
			redis: store.URL(),
		} {
			if s.value(secret) != want {
				t.Errorf("%s does not hold what Heroku shows", secret)
			}
		}
		var both map[string]string // whichever of the two came first
		s.must(json.Unmarshal([]byte(s.value(settings)), &both))
		if !maps.Equal(both, map[string]string{"DATABASE_URL": s.db.URL(), "REDIS_URL": store.URL()}) {
			t.Error("the object does not hold what Heroku shows")
		}
		var got map[string]any
		s.must(json.Unmarshal([]byte(s.value(object)), &got))
		if got["DATABASE_URL"] != s.db.URL() || got["engine"] != "postgres" || len(got) != 7 {
			t.Error("the JSON does not hold what Heroku shows")
		}
		s.equal() // the secret without the tag
	}
	if report := s.poll(); report.Published != 7 || report.Unchanged != 1 {
		t.Fatalf("report: %+v", report)
	}
	holds()
	s.must(s.db.Rotate(t.Context()))
	s.app.Set("OWN_URL", s.db.URL()+"?sslmode=require&application_name=EXAMPLE")
	s.app.Set("DATABASE_URL", s.db.URL())
	if status := s.announce(s.app); status != 204 {
		t.Errorf("status %d", status)
	}
	holds()
	s.Secrets.ResetCalls()
	if report := s.poll(); report.Unchanged != 8 || s.Secrets.Calls()["PutSecretValue"] > 0 {
		t.Errorf("it is not quiet: %+v", report)
	}
}

// node-postgres ignores its option ssl beside an sslmode, and takes require for verify-full.
func TestANodeProgramThatWorksAtHerokuWorksWithAnUnchangedURL(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	s := openShop(t, stacktest.Config{})
	unchanged := s.bind("shop", "shop/url", "heroku:format=url", "heroku:sslmode=unchanged")
	s.poll()
	for secret, want := range map[string]string{s.secret: "self-signed certificate", unchanged: "connected"} {
		node := exec.CommandContext(t.Context(), "node", "--input-type=module", "-e", `
			import pg from "pg";
			const client = new pg.Client({ connectionString: process.env.DATABASE_URL, ssl: { rejectUnauthorized: false } });
			await client.connect().then(() => console.log("connected"), (err) => console.log(err.message));
			await client.end();`)
		node.Dir, node.Env = dir, []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "DATABASE_URL=" + s.value(secret)}
		if out, err := node.Output(); err != nil || strings.TrimSpace(string(out)) != want {
			t.Errorf("got %s, %v, want %s", out, err, want)
		}
	}
}

// The tag is of the secret and not of a login: without TLS the URL reaches no consumer.
func TestALoginAsksForTLSWhateverTheTagLeavesInTheURL(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	inDyno := s.database()
	inDyno.Intercept(func() postgrestest.Fault { return withoutTLS })
	s.app.Set("LOCAL_URL", inDyno.URL()+"?sslmode=disable")
	local := s.bind("shop", "shop/local", "heroku:config-var=LOCAL_URL", "heroku:sslmode=unchanged")
	if report := s.poll(); report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "speaks no TLS") || s.value(local) != "" {
		t.Errorf("report: %+v", report)
	}
}

func TestAChangeOfTheSSLModeTagIsAChangeOfTheValue(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	secret := s.bind("shop", "shop/url", "heroku:format=url")
	s.poll()
	tag := types.Tag{Key: aws.String("heroku:sslmode")}
	for _, step := range []struct{ sslmode, want, differs string }{
		{"unchanged", s.db.URL(), "parameters"},
		{"require", s.db.URL() + "?sslmode=require", "format"}, // both ask for the same login
	} {
		tag.Value = &step.sslmode
		_, err := s.AWS.TagResource(t.Context(), &secretsmanager.TagResourceInput{SecretId: &secret, Tags: []types.Tag{tag}})
		s.must(err)
		plan := s.poll(`{"dryRun":true}`).Plan
		if got := fmt.Sprint(plan[1].Secret, " ", plan[1].Outcome, " ", plan[1].Changes); got != "shop/url published ["+step.differs+"]" {
			t.Errorf("%s: %s", step.sslmode, got)
		}
		if report := s.poll(); report.Published != 1 || s.value(secret) != step.want {
			t.Errorf("%s: %+v", step.sslmode, report)
		}
	}
}

func TestASchemeThatDoesNotFitIsAFaultOfTheTag(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{})
	s.Heroku.CreateApp("shop").Set("REDIS_URL", "rediss://:pEXAMPLE@store.example")
	s.bind("shop", "shop/redis", "heroku:config-var=REDIS_URL", "heroku:scheme=postgresql")
	if message := s.failingPoll(); !strings.Contains(message, "heroku:scheme") {
		t.Error(message)
	}
}

func TestTheURLStandsUnderTheKeyThatTheTagNames(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	secret := s.bind("shop", "shop/named", "heroku:key=PG/url")
	holds := func() {
		t.Helper()
		var got map[string]any
		s.must(json.Unmarshal([]byte(s.value(secret)), &got))
		_, hasDefault := got["DATABASE_URL"]
		if got["PG/url"] != s.db.URL()+"?sslmode=require" || hasDefault || got["engine"] != "postgres" || len(got) != 7 {
			t.Error("the secret does not hold the URL under the tag's key, beside AWS's keys")
		}
	}
	if report := s.poll(); report.Published != 1 || report.Unchanged != 1 {
		t.Fatalf("report: %+v", report)
	}
	holds()
	s.must(s.db.Rotate(t.Context()))
	s.app.Set("DATABASE_URL", s.db.URL())
	if status := s.announce(s.app); status != 204 {
		t.Errorf("status %d", status)
	}
	holds()
	if report := s.poll(); report.Unchanged != 2 {
		t.Errorf("report: %+v", report)
	}
}

// Readers of AWS's keys must find there what AWS's own tools write.
func TestAKeyOfTheJSONFormatCannotHoldTheURL(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	secrets := []string{s.bind("shop", "shop/password", "heroku:key=password"), s.bind("shop", "shop/dbname", "heroku:key=dbname")}
	message := s.failingPoll()
	for i, key := range []string{"password", "dbname"} {
		if !strings.Contains(message, `tag heroku:key is "`+key+`", which is a key of the JSON format itself`) || s.value(secrets[i]) != "" {
			t.Errorf("%s: %s", key, message)
		}
	}
	if status := s.announce(s.app); status != 204 { // only a person can repair it
		t.Errorf("status %d", status)
	}
}

// A database in a dyno of Heroku CI speaks no TLS, as a plain Postgres says with
// the one byte N (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL).
func TestTheURLOfAnInDynoDatabaseReachesNoConsumer(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	before := s.value(s.secret)
	inDyno := s.database()
	inDyno.Intercept(func() postgrestest.Fault { return withoutTLS })
	s.app.Set("DATABASE_URL", inDyno.URL())
	s.must(s.db.Rotate(t.Context())) // also if what the secret holds is dead
	if report := s.poll(); report.Held != 1 || !strings.Contains(string(report.Problems[0].Error), "speaks no TLS") || s.value(s.secret) != before {
		t.Errorf("report: %+v", report)
	}
}

// withoutTLS answers the question for TLS with no.
func withoutTLS(client net.Conn, _ func(net.Conn)) {
	_, _ = io.CopyN(io.Discard, client, 8) // its question
	_, _ = io.WriteString(client, "N")
}

// The server refuses these parameters, but the user's own client removes them.
func TestParametersThatOnlyTheUsersClientKnowsArePublishedWhereTheTagSaysSo(t *testing.T) {
	t.Parallel()
	s := start(t, stacktest.Config{})
	db := postgrestest.Run(t)
	const parameters = "?pgbouncer=true&connection_limit=1"
	s.Heroku.CreateApp("shop").Set("DATABASE_URL", db.URL()+parameters)
	server := s.bind("shop", "shop/server", "heroku:format=url", "heroku:verify=server")
	login := s.bind("shop", "shop/login", "heroku:format=url")
	if report := s.poll(); report.Published != 1 || report.Held != 1 {
		t.Errorf("report: %+v", report)
	}
	if s.value(server) != db.URL()+parameters+"&sslmode=require" || s.value(login) != "" {
		t.Error("the tag does not decide")
	}
}

func TestAShieldDatabaseIsProvenWithItsClientCertificate(t *testing.T) {
	t.Parallel()
	cluster, identity := postgrestest.RunMutual(t)
	db, err := cluster.NewDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, stacktest.Config{})
	s.Heroku.CreateApp("shop").Set("DATABASE_URL", db.URL())
	s.create("shop/certificate", identity)
	with := s.bind("shop", "shop/with", "heroku:format=url", "heroku:client-tls=shop/certificate")
	without := s.bind("shop", "shop/without", "heroku:format=url")
	if report := s.poll(); report.Published != 1 || report.Held != 1 {
		t.Errorf("report: %+v", report)
	}
	if s.value(with) != db.URL()+"?sslmode=require" || s.value(without) != "" {
		t.Error("the certificate does not decide")
	}
}
