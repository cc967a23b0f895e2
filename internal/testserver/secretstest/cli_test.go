package secretstest_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/tool"
)

// An awsRun is one command, with the secret of a trial that has two versions.
type awsRun struct {
	before  func(x *trial)
	command string
	stdin   string
	out     string // with one blank where there is space
	after   func(x *trial)
}

// awsCommands are those that README.md and docs/*.md name for Secrets Manager, and one
// more. SECRET, PREVIOUS and CURRENT stand for what the reader puts in. Some ask for
// less of the answer than the page does.
var awsCommands = map[string]awsRun{
	"README: bind a secret": {
		command: `aws secretsmanager create-secret --name shop/new --tags Key=heroku:app,Value=blog --query Name --output text`,
		out:     "shop/new",
		after:   func(x *trial) { x.name = "shop/new"; x.isTagged("heroku:app=blog") },
	},
	"README, runbook: put the token in": {
		command: `aws secretsmanager put-secret-value --secret-id SECRET --secret-string file:///dev/stdin --query VersionStages --output text`,
		stdin:   "HRKU-EXAMPLE\n",
		out:     "AWSCURRENT",
		after:   func(x *trial) { equal("value", x.value("", current), "HRKU-EXAMPLE\n") },
	},
	"runbook: read the signing key": {
		command: `aws secretsmanager get-secret-value --secret-id SECRET --query SecretString --output text`,
		out:     "two",
	},
	"runbook: which token": {
		before:  func(x *trial) { ok(x.tag("heroku:token", "other")) },
		command: `aws secretsmanager describe-secret --secret-id SECRET --query "Tags[?Key=='heroku:token'].Value" --output text`,
		out:     "other",
	},
	"runbook: opt out": {
		command: `aws secretsmanager tag-resource --secret-id SECRET --tags Key=heroku:sync,Value=off`,
		after:   func(x *trial) { x.isTagged("heroku:sync=off") },
	},
	"runbook: follow again": {
		before:  func(x *trial) { ok(x.tag("heroku:sync", "off")) },
		command: `aws secretsmanager untag-resource --secret-id SECRET --tag-keys heroku:sync`,
		after:   func(x *trial) { x.isTagged("") },
	},
	"runbook: which versions there are": {
		command: `aws secretsmanager describe-secret --secret-id SECRET --query "sort(VersionIdsToStages.*[])" --output text`,
		out:     "AWSCURRENT AWSPREVIOUS",
	},
	"runbook: move back": {
		command: `aws secretsmanager update-secret-version-stage --secret-id SECRET --version-stage AWSCURRENT \
			--move-to-version-id PREVIOUS --remove-from-version-id CURRENT --query Name --output text`,
		out:   "SECRET",
		after: func(x *trial) { equal("value", x.value("", current), "one") },
	},
	"runbook: restore": {
		before:  func(x *trial) { x.delete(false) },
		command: `aws secretsmanager restore-secret --secret-id SECRET --query Name --output text`,
		out:     "SECRET",
		after:   func(x *trial) { equal("value", x.value("", current), "two") },
	},
	"live: remove what a killed drill left": {
		command: `aws secretsmanager delete-secret --secret-id SECRET --force-delete-without-recovery --query Name --output text`,
		out:     "SECRET",
		after:   func(x *trial) { _, err := x.get(x.name, "", current); refused("get", err, notFound) },
	},
	"runbook: which secrets are bound": {
		before:  func(x *trial) { ok(x.tag("heroku:app", "shop")) },
		command: `aws secretsmanager list-secrets --filters Key=tag-key,Values=heroku:app --query "SecretList[].[Name, Tags[?Key=='heroku:app'] | [0].Value]" --output text`,
		out:     "SECRET shop",
	},
	"a token put in as binary": {
		command: `aws secretsmanager put-secret-value --secret-id SECRET --secret-binary fileb:///dev/stdin --query Name --output text`,
		stdin:   "HRKU-\xff",
		out:     "SECRET",
		after:   func(x *trial) { equal("value", string(must(x.get(x.name, "", "")).SecretBinary), "HRKU-\xff") },
	},
}

// TestAWSCommandsOfOurPages runs the real aws command.
func TestAWSCommandsOfOurPages(t *testing.T) {
	t.Parallel()
	for name, tt := range awsCommands {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer caught(t)
			server, x := newTrial(t)
			first, second := x.create("one"), x.put("two")
			if tt.before != nil {
				tt.before(x)
			}
			fill := strings.NewReplacer("AWSCURRENT", "AWSCURRENT", "AWSPREVIOUS", "AWSPREVIOUS", "SECRET", x.name, "PREVIOUS", first, "CURRENT", second)
			out := aws(t, server, fill.Replace(tt.command), tt.stdin)
			if got := strings.Join(strings.Fields(out), " "); got != fill.Replace(tt.out) {
				t.Errorf("it wrote %q", got)
			}
			if tt.after != nil {
				tt.after(x)
			}
		})
	}
}

// carefulEdit returns the runbook's commands that edit other keys of a secret.
func carefulEdit(t *testing.T, secret, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Editing other keys\n")
	_, block, _ := strings.Cut(section, "```sh\n")
	commands, _, found := strings.Cut(block, "```")
	if !found {
		t.Fatal("the runbook has no such commands")
	}
	return strings.NewReplacer("SECRET", secret, "FILE", file).Replace(commands)
}

// The editor is a script. In one case another writer puts a version while it is open.
func TestACarefulEditUndoesNobodysWork(t *testing.T) {
	t.Parallel()
	const edited = `{"STRIPE":"EXAMPLE new","db":"one"}`
	for name, meanwhile := range map[string]string{"alone": "", "beside another writer": `{"STRIPE":"EXAMPLE old","db":"two"}`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			defer caught(t)
			server, x := newTrial(t)
			x.create(`{"STRIPE":"EXAMPLE old","db":"one"}`)
			want, dir := edited, t.TempDir()
			script := "printf %s '" + edited + "' > \"$1\"\n"
			if meanwhile != "" {
				script += "aws secretsmanager put-secret-value --secret-id " + x.name + " --secret-string '" + meanwhile + "' > " + filepath.Join(dir, "put")
				want = meanwhile
			}
			editor, file := filepath.Join(dir, "editor"), filepath.Join(dir, "value")
			if err := os.WriteFile(editor, []byte(script), 0o600); err != nil {
				t.Fatal(err)
			}
			_, complaint := run(t, server, "EDITOR='sh "+editor+"'\n"+carefulEdit(t, x.name, file), "")
			if (complaint == "") != (meanwhile == "") || !strings.Contains(complaint, "UpdateSecretVersionStage") && meanwhile != "" {
				t.Errorf("it wrote %q", complaint)
			}
			equal("value", x.value("", current), want)
			if _, err := os.Stat(file); os.IsNotExist(err) != (meanwhile == "") {
				t.Errorf("the file: %v", err)
			}
		})
	}
}

var awsCommand = regexp.MustCompile(`aws secretsmanager [a-z-]+`)

func TestEveryAWSCommandOfOurPagesIsRun(t *testing.T) {
	t.Parallel()
	var run []string
	for _, tt := range awsCommands {
		run = append(run, awsCommand.FindString(tt.command))
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
		for _, command := range awsCommand.FindAllString(string(text), -1) {
			if !slices.Contains(run, command) {
				t.Errorf("%s names %q, which no test runs", page, command)
			}
		}
	}
}

func TestAWSCommandShowsAWSsOwnWords(t *testing.T) {
	t.Parallel()
	defer caught(t)
	server, x := newTrial(t)
	version := x.create("one")
	server.Mark(x.name, secretstest.Kind{PrimaryRegion: "eu-central-1"})
	_, err := run(t, server, "aws secretsmanager update-secret-version-stage --secret-id "+x.name+" --version-stage X --move-to-version-id "+version, "")
	if err == "" || !strings.Contains(err, "(InvalidParameterException) when calling the UpdateSecretVersionStage operation: Operation not permitted on a replica secret.") {
		t.Errorf("it wrote %q", err)
	}
}

// isTagged checks the only tag of a secret, or that there is none.
func (x *trial) isTagged(want string) {
	var tags []string
	for _, tag := range x.describe().Tags {
		tags = append(tags, *tag.Key+"="+*tag.Value)
	}
	equal("tags", strings.Join(tags, " "), want)
}

// aws runs a line of shell that must succeed, and returns what it wrote.
func aws(t *testing.T, server *secretstest.Server, line, stdin string) string {
	t.Helper()
	out, complaint := run(t, server, line, stdin)
	if complaint != "" {
		t.Fatalf("%s\n%s", line, complaint)
	}
	return out
}

// run runs a line of shell whose aws command asks the server, with nothing of the
// environment. Any word on standard error is a complaint.
func run(t *testing.T, server *secretstest.Server, line, stdin string) (out, complaint string) {
	t.Helper()
	if testing.Short() {
		t.Skip("the aws command is slow to start, and the test is to be short")
	}
	tool.Path(t, "aws")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Stdin, cmd.WaitDelay = strings.NewReader(stdin), time.Second
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "AWS_PAGER=", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + server.URL, "AWS_DEFAULT_REGION=us-east-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE"}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	written, err := cmd.Output()
	if err != nil && stderr.Len() == 0 {
		stderr.WriteString(err.Error())
	}
	return string(written), stderr.String()
}
