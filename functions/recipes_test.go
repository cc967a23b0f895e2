package functions_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/postgrestest"
	"keepcurrent.example/internal/stacktest"
)

const recipes = "../docs/recipes"

// These programs use a recipe as its reader would: four workers query all the time,
// and a line of JSON says how each query went. They end with their standard input.
const (
	nodeProgram = `
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { SecretPool, readSecret } from "./pool.mjs";

const { env } = process;
const options = { max: 5, lifetime: Number(env.LIFETIME ?? 60_000), wait: Number(env.WAIT ?? 10_000) };
const pools = {
  secret: () => new SecretPool(readSecret(env.DATABASE_SECRET_ID), options),
  file: () => new SecretPool(() => (console.log("read"), readFile(env.DATABASE_FILE, "utf8")), options),
};
const pool = pools[env.WAY]?.();
const { handler } = pool ? {} : await import("./" + env.WAY);
const query = handler ?? (async () => (await pool.query("select session_user as user")).rows[0]);

const held = await pool?.connect(); // all the time, so that its session is cut, too
async function work(worker) {
  for (;; await sleep(Number(env.PAUSE ?? 20))) {
    const answer = { worker, began: Date.now() };
    await query().then((row) => { answer.user = row.user; }, (err) => { answer.error = err.code ?? err.message; });
    console.log(JSON.stringify(answer));
  }
}
[0, 1, 2, 3].map(work);
process.stdin.resume().on("end", () => {
  console.log(inspect([pool, held], { depth: 9 }));
  process.exit();
});
`
	pythonProgram = `
import json, logging, os, sys, threading, time
import boto3, psycopg
from pool import Secret, SecretPool

logging.basicConfig()
client = boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"])
lifetime = int(os.environ.get("LIFETIME", 60_000)) / 1000
pool = SecretPool(Secret(os.environ["DATABASE_SECRET_ID"], lifetime=lifetime, client=client), max_size=4)

def work(worker):
    while True:
        answer = {"worker": worker, "began": int(time.time() * 1000)}
        try:
            with pool.connection() as connection:
                answer["user"] = connection.execute("select session_user").fetchone()[0]
        except psycopg.Error as err:
            answer["error"] = err.sqlstate or str(err)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        time.sleep(int(os.environ.get("PAUSE", 20)) / 1000)

for i in range(4):
    threading.Thread(target=work, args=[i], daemon=True).start()
sys.stdin.read()
print(pool, vars(pool), flush=True)
os._exit(0)
`
)

// reader is a program that runs a recipe.
type reader struct {
	*shop
	file string // with the secret, as a CSI driver mounts one

	cmd    *exec.Cmd
	stdin  io.Closer
	stderr bytes.Buffer
	silent atomic.Bool // for the connections there were

	mu      sync.Mutex // guards what follows
	stdout  []byte
	line    []byte // that has not ended
	reads   int    // of the file
	answers []answer
}

type answer struct {
	Worker      int
	Began       int64 // in milliseconds, before the worker asked for a connection
	User, Error string
}

func (a answer) after(moment time.Time) bool { return a.Began > moment.UnixMilli() }

// Write takes the standard output.
func (r *reader) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stdout = append(r.stdout, p...)
	lines := bytes.Split(append(r.line, p...), []byte("\n"))
	last := len(lines) - 1
	r.line = slices.Clone(lines[last])
	for _, line := range lines[:last] {
		var a answer
		switch {
		case string(line) == "read":
			r.reads++
		case json.Unmarshal(line, &a) == nil:
			r.answers = append(r.answers, a)
		}
	}
	return len(p), nil
}

// read starts a program and waits until all its workers have an answer.
func (s *shop) read(dir, command string, env ...string) *reader {
	s.t.Helper()
	r := &reader{shop: s, file: filepath.Join(s.t.TempDir(), "DATABASE_URL")}
	r.mount()
	s.db.Intercept(func() postgrestest.Fault {
		if r.silent.Load() {
			return nil
		}
		return func(client net.Conn, serve func(net.Conn)) { serve(&muffled{client, &r.silent}) }
	})
	name, program, _ := strings.Cut(command, " ")
	r.cmd = exec.CommandContext(s.t.Context(), name, program)
	r.cmd.Dir = dir
	r.cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + dir, // which has no configuration of AWS's
		"AWS_REGION=eu-west-1",
		"AWS_DEFAULT_REGION=eu-west-1",
		"AWS_ACCESS_KEY_ID=EXAMPLE",
		"AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"AWS_SESSION_TOKEN=EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.Secrets.URL,
		"AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED=true",
		"DATABASE_SECRET_ID=" + s.secret,
		"DATABASE_FILE=" + r.file,
	}, env...)
	var err error
	r.stdin, err = r.cmd.StdinPipe()
	s.must(err)
	r.cmd.Stdout, r.cmd.Stderr = r, &r.stderr
	s.must(r.cmd.Start())
	s.t.Cleanup(func() { _ = r.cmd.Wait() }) // for a test that has failed: its context is over by now
	r.until("the program queries", func() bool { return r.well(time.Time{}, "") })
	return r
}

func (r *reader) until(what string, condition func() bool) {
	r.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.t.Fatalf("it never came about that %s; the end of the output: %s", what, r.stdout[max(0, len(r.stdout)-1000):])
		}
	}
}

// well reports whether each worker has had an answer to a query that it began after
// a moment, as somebody else than a user.
func (r *reader) well(since time.Time, but string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	workers := map[int]bool{}
	for _, a := range r.answers {
		if a.Error == "" && a.after(since) && (but == "" || a.User != but) {
			workers[a.Worker] = true
		}
	}
	return len(workers) == 4
}

func (r *reader) failed() (failures []answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range r.answers {
		if a.Error != "" {
			failures = append(failures, a)
		}
	}
	return failures
}

// looked counts how often the program, which is the only one that does so, has
// read the secret.
func (r *reader) looked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.reads + r.Secrets.Calls()["GetSecretValue"]
}

// muffled is a client that hears no more when the server has fallen silent.
type muffled struct {
	net.Conn
	silent *atomic.Bool
}

func (m *muffled) Write(p []byte) (int, error) {
	if m.silent.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

// CloseWrite makes it one of the connections that the house takes.
func (m *muffled) CloseWrite() error { return m.Conn.(interface{ CloseWrite() error }).CloseWrite() }

// publish tells the webhook, and returns when the secret is right.
func (r *reader) publish() time.Time {
	r.t.Helper()
	if status := r.deliver(request{body: string(r.app.ReleaseEvent("create"))}); status != 204 {
		r.t.Fatalf("the webhook answers %d", status)
	}
	r.mount()
	return time.Now()
}

// mount changes the file as a CSI driver does: at once.
func (r *reader) mount() {
	r.t.Helper()
	r.must(os.WriteFile(r.file+".new", []byte(r.value(r.secret)), 0o600))
	r.must(os.Rename(r.file+".new", r.file))
}

// end ends the program and looks at all that it has written.
func (r *reader) end() {
	r.t.Helper()
	r.must(r.stdin.Close())
	if err := r.cmd.Wait(); err != nil {
		r.t.Errorf("the program: %v", err)
	}
	for line := range strings.Lines(r.stderr.String()) {
		if !strings.Contains(line, "discarding closed connection") { // which psycopg's pool cannot be kept from saying
			r.t.Errorf("the program complains: %s", line)
		}
	}
	for _, secret := range slices.Concat(r.Heroku.Credentials(), r.db.Passwords()) {
		if bytes.Contains(r.stdout, []byte(secret)) || bytes.Contains(r.stderr.Bytes(), []byte(secret)) {
			r.t.Error("a credential is in the output of the program")
		}
	}
}

// cut is what befalls connections: they end before the secret is right, and no
// query after it fails.
func (r *reader) cut(befall func(context.Context) error) {
	r.t.Helper()
	looked := r.looked()
	r.must(befall(r.t.Context()))
	// By the fourth look, none of its connections can be one that it takes to be alive.
	r.until("the program looks at the secret in vain", func() bool { return r.looked() >= looked+4 })
	right := r.publish()
	r.until("the program works again", func() bool { return r.well(right, "") })
	r.end()
	r.unharmed(right)
	for _, a := range r.failed() {
		if strings.HasPrefix(a.Error, "28") || strings.Contains(a.Error, "authentication") {
			r.t.Errorf("a refused login reached a worker: %s", a.Error)
		}
	}
}

// unharmed fails the test if a query failed that was begun after the secret was right.
func (r *reader) unharmed(right time.Time) {
	r.t.Helper()
	for _, a := range r.failed() {
		if a.after(right) {
			r.t.Errorf("a query failed, begun %d ms after the secret was right: %s", a.Began-right.UnixMilli(), a.Error)
		}
	}
}

func killed(r *reader)    { r.t.Helper(); r.cut(r.addon.Rotate) }
func movedAway(r *reader) { r.t.Helper(); r.cut(r.addon.FailOver) }

// forsaken is what is killed at once while the secret stays wrong for longer than the
// program waits: it says why, and still works on when the secret is right.
func forsaken(r *reader) {
	r.t.Helper()
	r.must(r.addon.Rotate(r.t.Context()))
	r.until("a refused login reaches a worker", func() bool {
		return slices.ContainsFunc(r.failed(), func(a answer) bool { return a.Error == "28P01" })
	})
	right := r.publish()
	r.until("the program works again", func() bool { return r.well(right, "") })
	r.end()
	r.unharmed(right)
}

// unheard is what is left of connections when their host has gone without a word. New
// ones work, and no query fails.
func unheard(r *reader) {
	r.t.Helper()
	r.silent.Store(true)
	since := time.Now()
	r.until("the program works again", func() bool { return r.well(since, "") })
	r.end()
	for _, a := range r.failed() {
		r.t.Errorf("a query failed: %s", a.Error)
	}
}

// replaced is a rotation with a grace time: no query fails.
func replaced(r *reader) {
	r.t.Helper()
	old, err := url.Parse(r.db.URL())
	r.must(err)
	end, err := r.addon.RotateWithGrace(r.t.Context())
	r.must(err)
	right := r.publish()
	r.until("the program has moved", func() bool { return r.well(right, old.User.Username()) })
	r.must(end(r.t.Context()))
	over := time.Now()
	r.until("the program works", func() bool { return r.well(over, "") })
	r.end()
	for _, a := range r.failed() {
		r.t.Errorf("a query failed: %s", a.Error)
	}
}

// absent skips a test whose tools are not installed, but not where all of them
// should be.
func absent(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("KEEPCURRENT_REQUIRE_TOOLS") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// nodeFolder is one with the Node recipes, what they depend on, and the program.
func nodeFolder(t *testing.T) string {
	t.Helper()
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			absent(t, tool+" is not installed")
		}
	}
	dir := copied(t, "*.mjs", "package*.json")
	install := exec.CommandContext(t.Context(), "npm", "ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund")
	install.Dir = dir
	if out, err := install.CombinedOutput(); err != nil {
		absent(t, "npm cannot install what the recipes depend on: "+string(out))
	}
	write(t, filepath.Join(dir, "program.mjs"), nodeProgram)
	return dir
}

// copied is a folder with the recipes that match.
func copied(t *testing.T, patterns ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range patterns {
		files, err := filepath.Glob(filepath.Join(recipes, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("there is no %s: %v", pattern, err)
		}
		for _, file := range files {
			write(t, filepath.Join(dir, filepath.Base(file)), recipe(t, filepath.Base(file)))
		}
	}
	return dir
}

func recipe(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(recipes, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// python is an interpreter that has the modules.
func python(t *testing.T, modules string) string {
	t.Helper()
	for _, name := range []string{"python3", "/usr/bin/python3"} { // what Debian packages is for its own
		try := exec.CommandContext(t.Context(), name, "-c", "import "+modules)
		try.Env = append(os.Environ(), "HOME="+t.TempDir()) // as the program will have one of its own
		if try.Run() == nil {
			return name
		}
	}
	absent(t, "no python3 has "+modules+": on Debian, install python3-boto3, python3-psycopg and python3-psycopg-pool")
	return ""
}

// Each program works on, as the same process, when its credential is changed.
func TestNodeRecipesOutliveTheirCredential(t *testing.T) {
	t.Parallel()
	dir := nodeFolder(t)
	tests := map[string]struct {
		env    []string
		befall func(*reader)
	}{
		"killed at once":            {[]string{"WAY=secret"}, killed},
		"killed at once, a file":    {[]string{"WAY=file"}, killed},
		"with a grace time":         {[]string{"WAY=secret", "LIFETIME=50"}, replaced},
		"another host":              {[]string{"WAY=secret"}, movedAway},
		"no new secret for long":    {[]string{"WAY=secret", "WAIT=300"}, forsaken},
		"a silent host, after rest": {[]string{"WAY=secret", "PAUSE=1050"}, unheard},
		"lambda.mjs":                {[]string{"WAY=lambda.mjs"}, killed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.befall(openShop(t, stacktest.Config{}).read(dir, "node program.mjs", tt.env...))
		})
	}
	t.Run("killed at once, JSON", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		s.bindJSON()
		killed(s.read(dir, "node program.mjs", "WAY=secret"))
	})
	t.Run("lambda-extension.mjs", func(t *testing.T) {
		t.Parallel()
		s := openShop(t, stacktest.Config{})
		extension := s.extension()
		killed(s.read(dir, "node program.mjs", "WAY=lambda-extension.mjs", "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT="+extension.port))
		if n := extension.asked.Load(); n != 1 {
			t.Errorf("the extension was asked %d times", n)
		}
	})
}

func TestPythonRecipeOutlivesItsCredential(t *testing.T) {
	t.Parallel()
	interpreter := python(t, "boto3, psycopg, psycopg_pool")
	dir := copied(t, "pool.py")
	write(t, filepath.Join(dir, "program.py"), pythonProgram)
	tests := map[string]struct {
		env    []string
		befall func(*reader)
	}{
		"killed at once":           {nil, killed},
		"with a grace time":        {[]string{"LIFETIME=50"}, replaced},
		"another host, after rest": {[]string{"PAUSE=1050"}, movedAway},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, stacktest.Config{})
			s.bindJSON()
			tt.befall(s.read(dir, interpreter+" program.py", tt.env...))
		})
	}
}

// bindJSON puts a secret in the default format in the place of the one that holds the
// URL alone.
func (s *shop) bindJSON() {
	s.t.Helper()
	var err error
	s.secret, err = s.Bind(s.t.Context(), s.app.Name, "shop/json")
	s.must(err)
	s.poll()
}

// extension stands where Lambda's extension does, and has its worst case: what it
// gave out once it gives out for as long as the test goes on.
type extension struct {
	port  string
	asked atomic.Int32
}

func (s *shop) extension() *extension {
	s.t.Helper()
	e := &extension{}
	cached, err := json.Marshal(map[string]string{"SecretString": s.value(s.secret)})
	s.must(err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		e.asked.Add(1)
		query, token := r.URL.Query(), r.Header.Get("X-Aws-Parameters-Secrets-Token")
		if r.URL.Path != "/secretsmanager/get" || query.Get("secretId") != s.secret || query.Get("versionStage") != "AWSCURRENT" || token != "EXAMPLE" {
			http.Error(w, "not as documented", http.StatusBadRequest)
			return
		}
		_, _ = w.Write(cached)
	}))
	s.t.Cleanup(server.Close)
	_, e.port, err = net.SplitHostPort(server.Listener.Addr().String())
	s.must(err)
	return e
}

// keys are those of the JSON format for a config var.
func keys(t *testing.T, configVar string) map[string]any {
	t.Helper()
	u, err := connection.Parse(credential.New("postgres://user:EXAMPLE@db.example:5432/shop"))
	if err != nil {
		t.Fatal(err)
	}
	value, err := u.JSON(configVar)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := json.Unmarshal([]byte(value.Reveal()), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

// valueFrom is as ECS documents it: ARN:json-key:version-stage:version-id, or the ARN
// alone (https://docs.aws.amazon.com/AmazonECS/latest/developerguide/secrets-envvar-secrets-manager.html).
var valueFrom = regexp.MustCompile(`^arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:heroku/shop/(\w+)-\w{6}(:(\w+):(\w*):([\w-]*))?$`)

func TestTaskDefinitionTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var task struct {
		ContainerDefinitions []struct {
			Secrets []struct{ Name, ValueFrom string }
		}
	}
	if err := json.Unmarshal([]byte(recipe(t, "ecs-task-definition.json")), &task); err != nil {
		t.Fatal(err)
	}
	forms := map[bool]int{}
	for _, secret := range task.ContainerDefinitions[0].Secrets {
		m := valueFrom.FindStringSubmatch(secret.ValueFrom)
		if m == nil {
			t.Errorf("%s: %q is not as ECS documents it", secret.Name, secret.ValueFrom)
			continue
		}
		configVar, whole, key, pinned := m[1], m[2] == "", m[3], m[4]+m[5] != ""
		forms[whole]++
		if _, ok := keys(t, configVar)[key]; !whole && !ok {
			t.Errorf("%s: the secret has no key %q", secret.Name, key)
		}
		if pinned {
			t.Errorf("%s: it would stay at a version", secret.Name)
		}
	}
	if forms[true] == 0 || forms[false] == 0 {
		t.Errorf("whole secrets and single keys: %v", forms)
	}
}

func TestTaskDefinitionIsWhatTheAPIOfECSTakes(t *testing.T) {
	t.Parallel()
	const check = `
import json, sys, botocore.session, botocore.validate
shape = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition").input_shape
sys.exit(botocore.validate.ParamValidator().validate(json.load(sys.stdin), shape).generate_report() or 0)
`
	cmd := exec.CommandContext(t.Context(), python(t, "botocore"), "-c", check)
	cmd.Stdin = strings.NewReader(recipe(t, "ecs-task-definition.json"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// manifest is a document of a YAML file.
type manifest struct {
	Metadata struct {
		Name        string
		Annotations map[string]string
	}
	Spec yaml.Node
}

type deployment struct {
	Template struct {
		Spec struct {
			Containers []struct {
				EnvFrom []struct {
					SecretRef struct{ Name string } `yaml:"secretRef"`
				} `yaml:"envFrom"`
				VolumeMounts []struct{ Name string } `yaml:"volumeMounts"`
			}
			Volumes []struct {
				Name string
				CSI  struct {
					VolumeAttributes map[string]string `yaml:"volumeAttributes"`
				}
			}
		}
	}
}

// manifests reads a source of a secret and the deployment that uses it.
func manifests(t *testing.T, name string, spec any) (source, user manifest, pod deployment) {
	t.Helper()
	decoder := yaml.NewDecoder(strings.NewReader(recipe(t, name)))
	if err := errors.Join(decoder.Decode(&source), decoder.Decode(&user)); err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(&source.Spec)
	if err := errors.Join(err, strictly(text, spec), user.Spec.Decode(&pod)); err != nil {
		t.Fatal(err)
	}
	return source, user, pod
}

// strictly fails for a field that is not known.
func strictly(text []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// https://external-secrets.io/latest/api/externalsecret/
func TestExternalSecretTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var spec struct {
		RefreshInterval time.Duration               `yaml:"refreshInterval"`
		SecretStoreRef  struct{ Name, Kind string } `yaml:"secretStoreRef"`
		Target          struct{ Name string }
		Data            []struct {
			SecretKey string                                  `yaml:"secretKey"`
			RemoteRef struct{ Key, Property, Version string } `yaml:"remoteRef"`
		}
	}
	_, user, pod := manifests(t, "external-secret.yaml", &spec)
	for _, data := range spec.Data {
		ref := data.RemoteRef
		if _, ok := keys(t, path.Base(ref.Key))[ref.Property]; !ok || ref.Version != "AWSCURRENT" {
			t.Errorf("the secret has no such key: %+v", ref)
		}
	}
	if len(spec.Data) == 0 || spec.RefreshInterval != time.Minute {
		t.Errorf("%d keys, every %v", len(spec.Data), spec.RefreshInterval)
	}
	if got := pod.Template.Spec.Containers[0].EnvFrom[0].SecretRef.Name; got != spec.Target.Name {
		t.Errorf("the deployment uses the secret %q, not %q", got, spec.Target.Name)
	}
	if user.Metadata.Annotations["reloader.stakater.com/auto"] != "true" {
		t.Error("nothing restarts the deployment")
	}
}

// https://docs.aws.amazon.com/secretsmanager/latest/userguide/ascp-examples.html
func TestSecretProviderClassTakesWhatTheSecretHolds(t *testing.T) {
	t.Parallel()
	var spec struct {
		Provider   string
		Parameters struct{ Region, Objects string }
	}
	source, _, pod := manifests(t, "secret-provider-class.yaml", &spec)
	var objects []struct {
		Name  string `yaml:"objectName"`
		Type  string `yaml:"objectType"`
		Label string `yaml:"objectVersionLabel"`
		Alias string `yaml:"objectAlias"`
		Keys  []struct {
			Path  string
			Alias string `yaml:"objectAlias"`
		} `yaml:"jmesPath"`
	}
	if err := strictly([]byte(spec.Parameters.Objects), &objects); err != nil {
		t.Fatal(err)
	}
	object := objects[0]
	if spec.Provider != "aws" || object.Type != "secretsmanager" || object.Label != "AWSCURRENT" || len(object.Keys) == 0 {
		t.Errorf("%+v", object)
	}
	for _, key := range object.Keys {
		if _, ok := keys(t, path.Base(object.Name))[key.Path]; !ok {
			t.Errorf("the secret has no key %q", key.Path)
		}
	}
	volume := pod.Template.Spec.Volumes[0]
	if got := volume.CSI.VolumeAttributes["secretProviderClass"]; got != source.Metadata.Name {
		t.Errorf("the deployment mounts %q, not %q", got, source.Metadata.Name)
	}
	if got := pod.Template.Spec.Containers[0].VolumeMounts[0].Name; got != volume.Name {
		t.Errorf("the container mounts %q, not %q", got, volume.Name)
	}
}

// npm writes the addresses of whoever locked the versions, if it is let.
func TestLockFileNamesNoRegistry(t *testing.T) {
	t.Parallel()
	if strings.Contains(recipe(t, "package-lock.json"), `"resolved"`) {
		t.Error("write it with npm install --package-lock-only --omit-lockfile-registry-resolved")
	}
}
