package herokutest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/npm"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/tool"
)

// A cliRun is one command of Heroku's own CLI, run against a server that has the app
// sushi with a database, and one webhook with deliveries.
type cliRun struct {
	command string
	fails   bool
	wrote   string // a part of the output, with one blank where there is space
	after   func(*cliTrial)
}

// herokuCommands are those that README.md and docs/*.md name and the server can answer,
// and some that show what it refuses. ID stands for the webhook's id, AUTHORIZATION for
// that of a token, and URL for the database's URL.
var herokuCommands = map[string]cliRun{
	"README: make a token": {
		command: `heroku authorizations:create --description keepcurrent --scope read-protected --short`,
		wrote:   "HRKU-EXAMPLE-",
	},
	"make subscribe: the token of a login": {command: `heroku auth:token 2>/dev/null`, wrote: "HRKU-EXAMPLE-"},
	"deploy: make a webhook": {
		command: `heroku webhooks:add --app sushi --include api:release --level sync --url https://example.com/new --secret EXAMPLE`,
		wrote:   "Adding webhook to",
	},
	"runbook: remove a webhook":       {command: `heroku webhooks:remove ID -a sushi`, wrote: "done"},
	"runbook: which tokens there are": {command: `heroku authorizations`, wrote: "old-one AUTHORIZATION write-protected"},
	"runbook: revoke a token": {
		command: `heroku authorizations:revoke AUTHORIZATION`,
		wrote:   "done, revoked authorization from old-one",
	},
	"runbook: which webhooks there are": {command: `heroku webhooks -a sushi`, wrote: "api:release sync"},
	"runbook: what we answered":         {command: `heroku webhooks:deliveries -a sushi`, wrote: "succeeded api:release sync 1 204"},
	"runbook: give a webhook our key": {
		command: `heroku webhooks:update ID -a sushi -i api:release -l sync -u https://example.com/new -s "$(echo example-key)"`,
		wrote:   "Updating webhook ID for",
		after: func(x *cliTrial) {
			hooks, err := newClient(x.t, x.server, x.server.Token()).AppWebhookList(x.t.Context(), "sushi", nil)
			if err != nil || len(hooks) != 1 || hooks[0].URL != "https://example.com/new" {
				x.t.Errorf("webhooks %v, %v", hooks, err)
			}
		},
	},
	"performance: read the URL": {command: `heroku config:get DATABASE_URL -a sushi`, wrote: "URL"},
	"leaving: a config var of one's own": {
		command: `heroku config:set LIVE_DATABASE_URL="$(heroku config:get DATABASE_URL --app sushi)" --app sushi`,
		wrote:   "LIVE_DATABASE_URL: URL",
	},
	"leaving: remove a config var": {command: `heroku config:unset FOO -a sushi`, wrote: "done"},
	"releases: the newest first":   {command: `heroku releases -a sushi`, wrote: "v4 Remove FOO config vars"},
	"what an attachment owns":      {command: `heroku config:set DATABASE_URL=mine -a sushi`, fails: true, wrote: "Cannot overwrite attachment values DATABASE_URL."},
	"an app that is not there":     {command: `heroku config -a nothing`, fails: true, wrote: "Couldn't find that app."},
	"an app of another account":    {command: `heroku config -a foreign`, fails: true, wrote: "You do not have access to the app foreign."},
	"a token that is good no more": {command: `HEROKU_API_KEY=HRKU-EXAMPLE-gone heroku config -a sushi`, fails: true, wrote: "The token provided to HEROKU_API_KEY is invalid."},
}

// otherCommands are commands of our pages that need a call which the server lacks.
var otherCommands = map[string]string{
	"heroku login":                 "a browser",
	"heroku access:add":            "collaborators and teams",
	"heroku addons":                "the plans and prices of add-ons",
	"heroku addons:attach":         "the credentials of a database",
	"heroku addons:detach":         "a call that detaches",
	"heroku apps:info":             "dynos, collaborators and pipelines",
	"heroku maintenance:off":       "dynos",
	"heroku maintenance:on":        "dynos",
	"heroku pg:info":               "the API of Heroku Data, at another address",
	"heroku pg:promote":            "the API of Heroku Data, at another address",
	"heroku pg:psql":               "the API of Heroku Data, at another address",
	"heroku pg:unfollow":           "the API of Heroku Data, at another address",
	"heroku pg:credentials":        "the API of Heroku Data, at another address",
	"heroku pg:credentials:create": "the API of Heroku Data, at another address",
	"heroku pg:credentials:rotate": "the API of Heroku Data, at another address",
	"heroku ps":                    "dynos",
	"heroku regions":               "the regions",
	"heroku ps:scale":              "dynos",
}

func TestHerokuCommandsOfOurPages(t *testing.T) {
	t.Parallel()
	bin := herokuCLI(t)
	for name, tt := range herokuCommands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := newCLITrial(t)
			out, err := x.shell(bin, x.fill(tt.command))
			if (err != nil) != tt.fails || !strings.Contains(out, x.fill(tt.wrote)) {
				t.Fatalf("%v, and it wrote: %s", err, out)
			}
			if tt.after != nil {
				tt.after(x)
			}
		})
	}
}

// TestTokenGoesFromHerokuToAWS runs the README's pipe: it leaves the token in the
// secret, and Heroku takes it.
func TestTokenGoesFromHerokuToAWS(t *testing.T) {
	t.Parallel()
	bin := herokuCLI(t)
	tool.Path(t, "aws")
	x := newCLITrial(t)
	secrets := secretstest.NewServer()
	t.Cleanup(secrets.Close)
	out, err := x.shell(bin, `aws secretsmanager create-secret --name token && secret=token &&
		heroku authorizations:create --description keepcurrent --scope read-protected --short |
		aws secretsmanager put-secret-value --secret-id "$secret" --secret-string file:///dev/stdin &&
		aws secretsmanager get-secret-value --secret-id token --query SecretString --output text >"$HOME/token"`,
		"AWS_ENDPOINT_URL_SECRETS_MANAGER="+secrets.URL, "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	token, err := os.ReadFile(filepath.Join(x.home, "token"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newClient(t, x.server, strings.TrimSpace(string(token))).ConfigVarInfoForApp(t.Context(), "sushi"); err != nil {
		t.Errorf("with the token of the secret: %v", err)
	}
}

var herokuCommand = regexp.MustCompile(`heroku [a-z]+(:[a-z]+)*`)

func TestEveryHerokuCommandOfOurPagesIsRun(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, tt := range herokuCommands {
		known[herokuCommand.FindString(tt.command)] = true
	}
	for command := range otherCommands {
		known[command] = true
	}
	pages, err := filepath.Glob("../../../docs/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("there are no pages")
	}
	for _, page := range append(pages, "../../../README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile("(?m)(?:`|^ *|&& |\\| )"+herokuCommand.String()).FindAllString(string(text), -1) {
			if command := herokuCommand.FindString(found); !known[command] {
				t.Errorf("%s names %q, which no test runs", page, command)
			}
		}
	}
}

// A cliTrial is a server and a home of its own for one command.
type cliTrial struct {
	t                      *testing.T
	server                 *herokutest.Server
	home                   string
	webhook, authorization string
	database               *fakeDatabase
}

func newCLITrial(t *testing.T) *cliTrial {
	t.Helper()
	x := &cliTrial{t: t, server: newServer(t), home: t.TempDir(), database: &fakeDatabase{}}
	app := x.server.CreateApp("sushi")
	x.server.CreateForeignApp("foreign")
	x.server.Provision(app, x.database)
	x.webhook = subscribe(t, x.server, "sync", newReceiver(t).URL).ID
	app.Unset("FOO")
	idle(t, x.server)
	x.authorization = authorize(t, x.server, "old-one")
	return x
}

func (x *cliTrial) fill(text string) string {
	return strings.NewReplacer("DATABASE_URL", "DATABASE_URL", "AUTHORIZATION", x.authorization, "ID", x.webhook, "URL", x.database.URL()).Replace(text)
}

// shell runs a line of shell and returns what it wrote, with one blank where there is
// space.
func (x *cliTrial) shell(bin, line string, env ...string) (string, error) {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.WaitDelay = time.Second
	cmd.Env = append(environment(x.home), "PATH="+bin+":"+os.Getenv("PATH"), "HEROKU_HOST="+x.server.URL, "HEROKU_API_KEY="+x.server.Token())
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	return strings.Join(strings.Fields(string(out)), " "), errors.Join(err, ctx.Err())
}

// herokuCLI is the folder that has the heroku command.
func herokuCLI(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("the test is to be short")
	}
	bin, err := installedCLI()
	if err != nil {
		tool.Missing(t, "there is no heroku command: ", err)
	}
	return bin
}

// installedCLI is the folder with the version of the CLI that testdata/cli locks. To
// install it takes half a minute and 400 MB, which is done in CI and where it is asked for.
var installedCLI = sync.OnceValues(func() (string, error) {
	if os.Getenv("CI") == "" && os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") == "" {
		return "", errors.New("KEEPCURRENT_REQUIRE_TOOLS=1 go test ./internal/testserver/herokutest installs it with npm, 400 MB in the user's cache")
	}
	dir, err := npm.Install(context.Background(), "heroku-cli", os.DirFS("testdata/cli"), starts)
	return filepath.Join(dir, "node_modules", ".bin"), err
})

// starts runs the CLI, which does not start under an older node than it wants.
func starts(dir string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	try := exec.CommandContext(ctx, filepath.Join(dir, "node_modules", ".bin", "heroku"), "version")
	try.Env, try.WaitDelay = append(environment(dir), "PATH="+os.Getenv("PATH")), time.Second
	if out, err := try.CombinedOutput(); err != nil {
		return fmt.Errorf("heroku version: %w: %s", err, out)
	}
	return nil
}

// environment keeps the CLI off the network: it can reach the test's server and no
// other, because the HTTPS proxy does not exist.
func environment(home string) []string {
	return []string{"HOME=" + home, "HTTPS_PROXY=http://127.0.0.1:1",
		"DISABLE_TELEMETRY=true", "HEROKU_DISABLE_AUTOUPDATE=true", "HEROKU_SKIP_NEW_VERSION_CHECK=true"}
}

// npm writes the addresses that the versions came from, if it is let.
func TestCLILockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	lock, err := os.ReadFile("testdata/cli/package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("write it with npm install --package-lock-only --omit-lockfile-registry-resolved")
	}
}
