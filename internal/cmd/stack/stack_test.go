package main

import (
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/mototest"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/tool"
)

// site is an account for the AWS CLI: S3 and STS are moto's, Secrets Manager and
// CloudFormation are servers of the tests, Lambda is a function that answers null. Heroku is
// a server of the tests, too.
type site struct {
	t       *testing.T
	stacks  *cloudFormation
	secrets *secretstest.Server
	heroku  *herokutest.Server
	app     *herokutest.App // see openApp
	folder  string

	mu      sync.Mutex
	invoked []string
	answer  string // of the poller
}

func openSite(t *testing.T, moto string) *site {
	t.Helper()
	if testing.Short() {
		t.Skip("the test is to be short")
	}
	tool.Path(t, "aws")
	s := &site{t: t, stacks: startCloudFormation(t), secrets: secretstest.NewServer(), folder: t.TempDir(), answer: "null"}
	t.Cleanup(s.secrets.Close)
	s.heroku = startHeroku(t)
	lambda := httptest.NewServer(http.HandlerFunc(s.invoke))
	t.Cleanup(lambda.Close)
	for name, value := range map[string]string{
		"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "", "AWS_PROFILE": "", "AWS_ACCESS_KEY_ID": "EXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": filepath.Join(s.folder, "none"), "AWS_SHARED_CREDENTIALS_FILE": filepath.Join(s.folder, "none"), "AWS_CA_BUNDLE": "",
		"HEROKU_API_URL": s.heroku.URL, "HEROKU_API_KEY": "HRKU-EXAMPLE-nobody", // and never a person's own
		"AWS_ENDPOINT_URL": moto, "AWS_ENDPOINT_URL_CLOUDFORMATION": s.stacks.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER": s.secrets.URL, "AWS_ENDPOINT_URL_LAMBDA": lambda.URL,
	} {
		t.Setenv(name, value)
		if value == "" {
			os.Unsetenv(name)
		}
	}
	s.write("template.yaml", read(t, "../../../template.yaml"))
	for _, zip := range []string{"webhook", "poller"} {
		s.write("build/release/"+zip+"-arm64.zip", zip)
	}
	return s
}

func (s *site) invoke(w http.ResponseWriter, r *http.Request) {
	event, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.invoked = append(s.invoked, strings.Split(r.URL.Path, "/")[3]+" "+string(event))
	if strings.Contains(s.answer, "errorMessage") {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
	}
	_, _ = io.WriteString(w, s.answer)
}

// asked returns what the poller was asked since the last call of it.
func (s *site) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.invoked = nil }()
	return s.invoked
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// program makes a program of the shell, and returns its path.
func (s *site) program(name, text string) string {
	s.t.Helper()
	s.write(name, "#!/bin/sh\n"+text+"\n")
	file := filepath.Join(s.folder, name)
	if err := os.Chmod(file, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return file
}

func (s *site) write(file, text string) {
	s.t.Helper()
	file = filepath.Join(s.folder, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		s.t.Fatal(err)
	}
}

// deploy returns what the command says, and its error.
func (s *site) deploy(words ...string) (string, error) {
	s.t.Helper()
	return s.run(append([]string{"deploy", "TEMPLATE=" + filepath.Join(s.folder, "template.yaml")}, words...)...)
}

func (s *site) run(args ...string) (string, error) {
	s.t.Helper()
	var out strings.Builder
	err := run(s.t.Context(), args, strings.NewReader("y\n"), &out)
	return out.String(), err
}

func (s *site) must(out string, err error) string {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return out
}

// aws runs the CLI as a person would.
func (s *site) aws(args ...string) string {
	s.t.Helper()
	out, err := exec.CommandContext(s.t.Context(), "aws", args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("aws %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func (s *site) has(text string, parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			s.t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// The tests of the command share the environment, so they run one after the other.

// Each command of the AWS CLI takes about a second, so one stack lives through everything.
func TestAStackFromItsFirstDeploymentToItsRemoval(t *testing.T) {
	s := openSite(t, mototest.Start(t))
	s.stacks.has("CREATE_FAILED")
	s.stacks.values = map[string]string{"DatabaseHost": "db"}
	_, deployed := s.deploy("STACK=kc")
	_, removed := s.run("remove", "STACK=kc")
	for _, err := range []error{deployed, removed} {
		if err == nil || !strings.Contains(err.Error(), "not one of keepcurrent's") || len(s.stacks.made()) > 0 {
			t.Errorf("a stack of somebody else: got error %v, and %v was asked for", err, s.stacks.made())
		}
	}

	s.stacks.has("ROLLBACK_COMPLETE")
	s.stacks.failNext("the secret heroku/shop/DATABASE_URL already exists.")
	out, err := s.deploy("STACK=kc", "HerokuApp=shop")
	if err == nil {
		t.Fatalf("a deployment that fails succeeds:\n%s", out)
	}
	s.has(out, "has never worked (ROLLBACK_COMPLETE): clearing it away", "the deployment failed: clearing the stack away (ROLLBACK_COMPLETE), and then the reasons", "making the bucket keepcurrent-123456789012-eu-west-1, private and encrypted\n")
	s.has(err.Error(), "BoundSecret (AWS::SecretsManager::Secret): the secret heroku/shop/DATABASE_URL already exists.",
		"cleared away, and the bucket keepcurrent-123456789012-eu-west-1 stays: repair the reason")
	s.stacks.refuseNext("Template error: resource Nothing does not exist")
	if _, err := s.deploy("STACK=kc"); err == nil {
		t.Error("a template that CloudFormation refuses is deployed")
	} else {
		s.has(err.Error(), "Template error: resource Nothing does not exist", "there is no stack kc; the bucket keepcurrent-123456789012-eu-west-1 stays, with the functions in it: repair the reason")
	}
	if _, err := s.deploy("STACK=kc", "BUCKET=nobodys"); err == nil {
		t.Error("a bucket that is not there is taken")
	} else {
		s.has(err.Error(), "the account 123456789012 has no bucket nobodys: make it, or leave out BUCKET")
	}
	if strings.Contains(err.Error(), "cancelled") {
		t.Errorf("it names a resource that was only cancelled: %v", err)
	}
	s.is("", nil)

	t.Setenv("MAKEFLAGS", "")
	t.Setenv(underMake, s.program("make", "echo Error 1; exit 2"))
	before := s.stacks.made()
	if _, err := s.deploy("STACK=kc"); err == nil || !strings.Contains(err.Error(), "make zips: ") || len(s.stacks.made()) > len(before) {
		t.Errorf("functions that do not compile: got error %v, and %v was asked for", err, s.stacks.made()[len(before):])
	}
	t.Setenv(underMake, s.program("make", `echo "makes $*"`))
	out = s.must(s.deploy("STACK=kc", "HerokuApp=shop", "AlarmEmail=ops@example.com"))
	s.has(out, "the first time\nmakes --silent zips\nputting the functions into the bucket")
	s.isOnThePage(out)
	t.Setenv(underMake, "")
	s.has(out, "stack kc, account 123456789012, Region eu-west-1\n", "create complete", "\n"+boundSecret+"\n",
		" --scope read-protected --short |", " --secret-id "+tokenSecret+" --secret-string file:///dev/stdin\n", "\nmake status STACK=kc\n",
		"\nmake subscribe APP=shop STACK=kc\n")
	if strings.Contains(out, "making the bucket") {
		t.Error("it makes the bucket again")
	}
	s.is("CREATE_COMPLETE", settings{"HerokuApp": "shop", "AlarmEmail": "ops@example.com"})
	const bucket = "keepcurrent-123456789012-eu-west-1"
	s.has(s.aws("s3api", "get-public-access-block", "--bucket", bucket), `"BlockPublicAcls": true`, `"RestrictPublicBuckets": true`)
	s.has(s.aws("s3api", "get-bucket-encryption", "--bucket", bucket), "AES256")
	if n := strings.Count(s.aws("s3", "ls", "--recursive", "s3://"+bucket), " kc/"); n != 3 {
		t.Errorf("the bucket holds %d files of the stack, want two zips and a template", n)
	}

	s.has(s.must(s.deploy("STACK=kc")), "nothing to change")
	s.stacks.failNext("no")
	if _, err := s.deploy("STACK=kc", "PollMinutes=5"); err == nil {
		t.Error("an update that fails succeeds")
	} else {
		s.has(err.Error(), "BoundSecret", "in the state UPDATE_ROLLBACK_COMPLETE")
	}
	s.must(s.deploy("STACK=kc", "PollMinutes=5", "OnlyTag=team=web"))
	s.is("UPDATE_COMPLETE", settings{"HerokuApp": "shop", "PollMinutes": "5", "OnlyTag": "team=web"})

	s.bind("shop/database", "heroku:app", "shop", "team", "web")
	s.bind("shop/reports", "heroku:app", "shop", "team", "web")
	s.bind("blog/database", "heroku:app", "blog", "heroku:token", "team-b/token", "team", "web")
	s.bind("forum/database", "heroku:app", "forum", "team", "forum") // another stack's
	s.bind("other", "heroku:application", "other")
	s.answer = `{"errorMessage":"Heroku answers 403"}`
	if _, err := s.run("remove", "STACK=kc"); err == nil {
		t.Error("it is removed although a webhook stays")
	} else {
		s.has(err.Error(), "by the poller: Heroku answers 403", "with your own login: Heroku does not take your login", "heroku webhooks:remove")
	}
	s.is("UPDATE_COMPLETE", settings{"HerokuApp": "shop", "PollMinutes": "5", "Pause": "on"})

	s.asked()
	s.answer = "null"
	s.has(s.must(s.run("remove", "STACK=kc")), "These secrets stay, with their values, and nothing updates them any more: blog/database, shop/database, shop/reports",
		"heroku authorizations:revoke ID", tokenSecret)
	asked := s.asked()
	slices.Sort(asked)
	if want := []string{`keepcurrent-poller {"unsubscribe":"blog","token":"team-b/token"}`, `keepcurrent-poller {"unsubscribe":"shop"}`}; !slices.Equal(asked, want) {
		t.Errorf("the poller was asked %q, want %q", asked, want)
	}
	s.is("", nil)
	if _, err := s.run("remove", "STACK=kc"); err == nil || !strings.Contains(err.Error(), "there is no stack kc") {
		t.Errorf("a second time: got error %v", err)
	}
}

// is fails the test unless the stack is in that state, with these parameters among its own.
func (s *site) is(status string, want settings) {
	s.t.Helper()
	now, values := s.stacks.current()
	if now != status {
		s.t.Errorf("the stack is %q, want %q", now, status)
	}
	for name, value := range want {
		if values[name] != value {
			s.t.Errorf("the parameter %s is %q, want %q", name, values[name], value)
		}
	}
}

// A shell would take some values apart, or run them.
func TestMakesVariablesAreNoWordsOfAShell(t *testing.T) {
	tool.Path(t, "make")
	folder := t.TempDir()
	makefile := "all:\n\t@printf '%s\\0' \"$$MAKEFLAGS\" \"$$AlarmEmail\" \"$$ConfigVar\" \"$$HerokuApp\"\n"
	if err := os.WriteFile(filepath.Join(folder, "Makefile"), []byte(makefile), 0o600); err != nil {
		t.Fatal(err)
	}
	want := settings{"AlarmEmail": "o'neil@example.com;touch x\\", "ConfigVar": "A_URL STACK=B_URL", "HerokuApp": ""}
	out, err := exec.CommandContext(t.Context(), "make", "-C", folder, "-s", "AlarmEmail="+want["AlarmEmail"], "ConfigVar="+want["ConfigVar"], "HerokuApp=").Output()
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(string(out), "\x00")
	for i, name := range []string{"AlarmEmail", "ConfigVar", "HerokuApp"} {
		t.Setenv(name, parts[i+1])
	}
	t.Setenv("STACK", "not-said-to-make")
	if got := fromMake(parts[0]); !maps.Equal(got, want) {
		t.Errorf("got %q from %q, want %q", got, parts[0], want)
	}
}

func TestWhatIsNotUnderstoodIsRefusedBeforeAnythingHappens(t *testing.T) {
	s := openSite(t, "")
	for _, words := range [][]string{{"HerokuAp=shop"}, {"shop"}, {"STACK=a b"}, {"STACK="}, {"=x"}} {
		if out, err := s.deploy(words...); !errors.Is(err, errUsage) || out != "" {
			t.Errorf("%v: got error %v, output %q", words, err, out)
		}
	}
	for _, word := range []string{"HRKU-EXAMPLE", "postgres://u:pEXAMPLE@h/d?sslmode=require"} {
		if _, err := s.deploy(word); !errors.Is(err, errUsage) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("a credential in the wrong place: got error %v", err)
		}
	}
	for _, args := range [][]string{
		nil, {"destroy"}, {"remove", "FORCE=1"}, {"subscribe"}, {"subscribe", "APP=../account"}, {"unsubscribe", "APP=shop; rm"}, {"subscribe", "APP=shop", "FORCE=1"},
	} {
		if out, err := s.run(args...); !errors.Is(err, errUsage) || out != "" {
			t.Errorf("%v: got error %v, output %q", args, err, out)
		}
	}
	if made := s.stacks.made(); len(made) > 0 {
		t.Errorf("requests were made: %v", made)
	}
	os.Unsetenv("AWS_REGION")
	if _, err := s.deploy(); err == nil || !strings.Contains(err.Error(), "no Region: export AWS_REGION=") {
		t.Errorf("without a Region: got error %v", err)
	}
	t.Setenv("PATH", s.folder)
	if _, err := s.deploy(); err == nil || !strings.Contains(err.Error(), "https://docs.aws.amazon.com/cli/") {
		t.Errorf("without the AWS CLI: got error %v", err)
	}
}

// CloudFormation would refuse it too, after the functions are compiled and put into the bucket.
func TestAValueThatAParameterCannotHaveIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	const template = "../../../template.yaml"
	for value, want := range map[string]string{
		"PollMinutes=abc": "must be one of 1, 2, 5, 10, 15, 30, 60, 120",
		"ConfigVar=" + strings.Repeat("A ", 149) + "A": "can have 256 characters",
		"AlarmEmail=ops@example.com ":                  "must be one email address",
		"HerokuApp= shop":                              "must be ",
		"HerokuReserve=0.5":                            "must be a whole number from 0 to 4000",
		"HerokuReserve=NaN":                            "must be a whole number",
		"HerokuReserve=1e3":                            "must be a whole number",
		"HerokuReserve=many":                           "must be a whole number from 0 to 4000",
		"HerokuReserve=4001":                           "must be a whole number from 0 to 4000",
		"TroubleRounds=0":                              "must be a whole number from 1 to 48",
		"Pause=yes":                                    "must be one of on, off",
		"HerokuApp=My App":                             "must be ",
		"TokenSecretArn=HRKU-EXAMPLE":                  "must be a whole ARN",
		"AlarmEmail=nobody":                            "must be one email address",
		"SubnetIds=subnet-1,sg2":                       "must be ids of subnets",
		"KmsKeyArn=alias/mine":                         "must be ARNs of keys",
	} {
		name, given, _ := strings.Cut(value, "=")
		err := check(template, settings{name: given})
		if !errors.Is(err, errUsage) || !strings.Contains(err.Error(), ": "+name+" ") || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: got error %v, want %q", value, err, want)
		}
	}
	for _, value := range []string{
		"PollMinutes=5", "HerokuReserve=0", "HerokuReserve=4000", "Pause=on", "HerokuApp=", "HerokuApp=shop", "AlarmEmail=", "SubnetIds=subnet-1, subnet-2", "KmsKeyArn=",
	} {
		name, given, _ := strings.Cut(value, "=")
		if err := check(template, settings{name: given}); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestRemoveTakesOnlyAYesFromAPerson(t *testing.T) {
	t.Parallel()
	nobody, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	for in, want := range map[io.Reader]bool{
		strings.NewReader("y\n"): true, strings.NewReader("Yes\n"): true,
		strings.NewReader("no\n"): false, strings.NewReader("\n"): false, strings.NewReader(""): false, nobody: false,
	} {
		if got := agrees(in, io.Discard, "?"); got != want {
			t.Errorf("%v: got %v", in, got)
		}
	}
}

// isOnThePage fails the test unless docs/deploy.md shows what a deployment prints, but for its
// name and times. The bucket was made by the deployment before.
func (s *site) isOnThePage(out string) {
	s.t.Helper()
	_, shown, _ := strings.Cut(read(s.t, "../../../docs/deploy.md"), "```text\n")
	shown, _, _ = strings.Cut(shown, "```")
	shown = strings.NewReplacer("keepcurrent-1", "keepcurrent-1", "keepcurrent", "kc").Replace(shown)
	clock := regexp.MustCompile(`\d\d:\d\d:\d\d`)
	lines := strings.Split(clock.ReplaceAllString(out, "TIME"), "\n")
	for line := range strings.Lines(clock.ReplaceAllString(shown, "TIME")) {
		if line = strings.TrimSuffix(line, "\n"); !slices.Contains(lines, line) && !strings.HasPrefix(line, "making the bucket ") {
			s.t.Errorf("docs/deploy.md shows %q, which is not in:\n%s", line, out)
		}
	}
}

// bind makes a secret with tags.
func (s *site) bind(name string, tags ...string) {
	s.t.Helper()
	in := &secretsmanager.CreateSecretInput{Name: &name}
	for pair := range slices.Chunk(tags, 2) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(pair[0]), Value: aws.String(pair[1])})
	}
	if _, err := s.secrets.Client().CreateSecret(s.t.Context(), in); err != nil {
		s.t.Fatal(err)
	}
}
