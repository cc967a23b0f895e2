package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/stacktest"
)

// One apply makes the example of terraform/, with all blocks of docs/terraform.md beside it:
// what they need of Secrets Manager is our test server's, of CloudFormation a stand-in's, and
// of S3, IAM, EventBridge and ECS moto's.
func TestTerraformAppliesOurModuleAndPage(t *testing.T) {
	t.Parallel()
	tf := newTerraform(t, filepath.Join("terraform", "examples", "shop"))
	aws := startTerraformAccount(t)
	tf.startProvider(aws.endpoints()...)
	// releaseOf writes what make release makes.
	releaseOf := func(folder, version string) {
		t.Helper()
		for _, name := range []string{"webhook", "poller"} {
			tf.write(filepath.Join(folder, name+"-arm64.zip"), name+" of "+version)
		}
		tf.write(filepath.Join(folder, "template.yaml"), strings.ReplaceAll(contents(t, "../../../template.yaml"), "build/release/", ""))
	}
	made, err := aws.secrets.Client().CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: new("bank/database"), SecretString: new("one"), Tags: []types.Tag{{Key: new("old"), Value: new("tag")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	aws.makeBucket("shop-releases")
	tf.copyModule()
	releaseOf("build/release", "v1")
	releaseOf(filepath.Join(tf.root, "keepcurrent-v1.0.0"), "v1")
	tf.write(filepath.Join(tf.root, "page", "main.tf"), pageModule(t))
	tf.write(filepath.Join(tf.root, "test_override.tf"), "provider \"aws\" {"+noAccount+"  s3_use_path_style = true\n}\n")
	tf.write(filepath.Join(tf.root, "page.tf"), fmt.Sprintf(`
module "page" {
  source = "./page"
}

import {
  to = aws_secretsmanager_secret.bank
  id = %q
}

resource "aws_secretsmanager_secret" "bank" {
  name        = "bank/database"
  description = "of the bank"
  kms_key_id  = "alias/bank"

  tags = {
    "heroku:app" = "bank"
  }
}
`, *made.ARN))

	tf.write("formatted/page.tf", strings.Join(pageBlocks(t), "\n"))
	tf.run("fmt", "-check", "-diff", "../..", "main.tf", "../../../formatted")
	tf.run("init", "-plugin-dir="+tf.plugins)
	out := tf.applies("1 imported, ", " added, 1 changed, 0 destroyed", `token_secret = "TokenSecret of keepcurrent"`)
	if !strings.Contains(out, "secret = \"arn:aws:secretsmanager:") || !strings.Contains(out, "policy = \"arn:aws:iam::") {
		t.Errorf("its outputs are not those of the example:\n%s", out)
	}
	aws.hasStack("keepcurrent", map[string]string{"AlarmEmail": "ops@example.com"}, "v1")
	aws.hasStack("page", map[string]string{"AlarmEmail": "ops@example.com", "PollMinutes": "5"}, "v1")
	for asked, want := range map[string]string{"publicAccessBlock": "<BlockPublicAcls>true", "encryption": "AES256"} {
		if got := aws.get(aws.bucketOf("keepcurrent") + "?" + asked); !strings.Contains(got, want) {
			t.Errorf("the bucket's %s is %s", asked, got)
		}
	}
	bank := aws.describe("bank/database")
	if *bank.Description != "of the bank" || *bank.KmsKeyId != "alias/bank" || !hasTags(bank.Tags, map[string]string{"heroku:app": "bank"}) {
		t.Errorf("the secret is %q, %q, %v", *bank.Description, *bank.KmsKeyId, bank.Tags)
	}
	if labels := bank.VersionIdsToStages; fmt.Sprint(labels) != fmt.Sprintf("map[%s:[AWSCURRENT]]", *made.VersionId) {
		t.Errorf("its versions are %v", labels)
	}
	for _, secret := range []string{"shop/database", "shop/database-url"} {
		if shop := aws.describe(secret); !hasTags(shop.Tags, map[string]string{"heroku:app": "shop"}) {
			t.Errorf("the tags of %s are %v", secret, shop.Tags)
		}
	}

	// An update, and the page's stack goes. Without a further change nothing is planned.
	releaseOf("build/release", "v2")
	example := filepath.Join(tf.root, "main.tf")
	tf.write(example, strings.Replace(contents(t, filepath.Join(tf.dir, example)), "alarm_email = \"ops@example.com\"",
		`heroku_app       = "blog"
  more_secret_arns = ["arn:a", "arn:b"]
  poll_minutes     = 10
  pause            = "on"`, 1))
	tf.write(filepath.Join(tf.root, "page.tf"), "")
	tf.applies("3 added, 1 changed, ")
	aws.hasStack("keepcurrent", map[string]string{"HerokuApp": "blog", "MoreSecretArns": "arn:a,arn:b", "PollMinutes": "10", "Pause": "on"}, "v2")
	if n := strings.Count(aws.get(aws.bucketOf("keepcurrent")+"?list-type=2"), "<Key>"); n != 3 {
		t.Errorf("the bucket holds %d objects, want two zips and a template", n)
	}
	if stacks := aws.names(); !slices.Equal(stacks, []string{"keepcurrent"}) {
		t.Errorf("the stacks are %v", stacks)
	}
	tf.run("plan", "-detailed-exitcode", "-input=false") // fails if there is a change

	// As after make remove.
	aws.forget("keepcurrent")
	tf.run("destroy", "-auto-approve", "-input=false")
	if left := aws.get(""); strings.Count(left, "<Bucket>") != 1 || !strings.Contains(left, "shop-releases") {
		t.Errorf("the buckets that are left: %s", left)
	}
}

func hasTags(tags []types.Tag, want map[string]string) bool {
	got := make(map[string]string)
	for _, tag := range tags {
		got[*tag.Key] = *tag.Value
	}
	return maps.Equal(got, want)
}

// Terraform has filled a secret with several keys. While it keeps the version, each change
// of another key puts an old copy of ours, which is current until the next poll. After the
// page's hand-over it puts nothing, and no plan shows a change.
func TestTerraformHandsASecretOver(t *testing.T) {
	t.Parallel()
	s := openShop(t, stacktest.Config{})
	tf := newTerraform(t, "")
	tf.configuration = fmt.Sprintf(`
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region = "us-east-1"
  %s
}
`, noAccount)
	tf.startProvider("SECRETS_MANAGER=" + s.Secrets.URL)
	const secret = "shop/settings"
	holds := func(when, stripe, url string) {
		t.Helper()
		var got map[string]string
		s.must(json.Unmarshal([]byte(s.value(secret)), &got))
		if !maps.Equal(got, map[string]string{"STRIPE": stripe, "DATABASE_URL": url}) {
			t.Fatalf("%s the secret does not hold %s and the URL", when, stripe)
		}
	}
	current := func() string { return s.db.URL() + "?sslmode=require" }
	page := handOver(t)
	bound, forgotten, _ := strings.Cut(page, "removed {")
	tagged := regexp.MustCompile(`(?s)\n  tags = \{.*?\n  \}\n`)
	filled := func(stripe, url string) string {
		return fmt.Sprintf(`
resource "aws_secretsmanager_secret_version" "shop_settings" {
  secret_id     = aws_secretsmanager_secret.shop_settings.id
  secret_string = jsonencode({ STRIPE = %q, DATABASE_URL = %q })
}
`, stripe, url)
	}

	old := current()
	tf.configure(tagged.ReplaceAllString(bound, ""), filled("sk-1", old))
	tf.run("init", "-plugin-dir="+tf.plugins)
	tf.applies("2 added, 0 changed, 0 destroyed")
	s.poll()
	s.rotate()
	s.poll()
	holds("before it is tagged", "sk-1", old)

	tf.configure(bound, filled("sk-2", old))
	tf.applies("1 added, 1 changed, 1 destroyed")
	holds("after an apply that keeps the version", "sk-2", old)
	s.poll()
	holds("after a poll", "sk-2", current())

	tf.configure(bound, "removed {"+forgotten)
	if out := tf.applies("0 added, 0 changed, 0 destroyed"); !strings.Contains(out, "will no longer be managed by Terraform") {
		t.Errorf("it does not say that the version is forgotten:\n%s", out)
	}
	holds("after the hand-over", "sk-2", current())
	s.rotate()
	s.poll()
	holds("after a rotation", "sk-2", current())
	tf.run("plan", "-detailed-exitcode", "-input=false") // fails if there is a change
}

// handOver is the page's block that forgets a version.
func handOver(t *testing.T) string {
	t.Helper()
	for _, block := range pageBlocks(t) {
		if strings.Contains(block, "removed {") {
			return block
		}
	}
	t.Fatal("docs/terraform.md has no block with removed")
	return ""
}

// noAccount is what the provider needs to know where there is no account.
const noAccount = `
  access_key                  = "EXAMPLE"
  secret_key                  = "EXAMPLE"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
`

// A terraform is the command in a folder of its own, with nothing of the environment.
type terraform struct {
	t             *testing.T
	dir, plugins  string
	root          string // where the command runs, within dir
	provider      string // how the commands find the provider that runs
	configuration string // before the resources of configure
}

func newTerraform(t *testing.T, root string) *terraform {
	t.Helper()
	if testing.Short() {
		t.Skip("the test is to be short")
	}
	if _, err := exec.LookPath("terraform"); err != nil {
		t.Skip("terraform is not installed")
	}
	tf := &terraform{t: t, dir: t.TempDir(), root: root, plugins: pluginFolder(t)}
	if err := os.MkdirAll(tf.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	return tf
}

func (tf *terraform) folder() string { return filepath.Join(tf.dir, tf.root) }

// startProvider starts the provider once for all commands, because each would start it two
// or three times. Each endpoint is SERVICE=address. As a block of the provider's configuration
// they take eight seconds of CPU in each command, and as variables none (26 November 2026).
// https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
func (tf *terraform) startProvider(endpoints ...string) {
	tf.t.Helper()
	binaries, err := filepath.Glob(fmt.Sprintf("%s/registry.terraform.io/hashicorp/aws/*/%s_%s/terraform-provider-aws*", tf.plugins, runtime.GOOS, runtime.GOARCH))
	if err != nil || len(binaries) == 0 {
		tf.t.Skip("Terraform's AWS provider is for another machine, or packed")
	}
	cmd := exec.CommandContext(tf.t.Context(), binaries[len(binaries)-1], "-debug")
	cmd.Dir, cmd.Env = tf.folder(), tf.environment()
	for _, endpoint := range endpoints {
		cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_"+endpoint)
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		tf.t.Fatal(err)
	}
	tf.t.Cleanup(func() { _ = cmd.Wait() }) // the context has ended it
	lines := bufio.NewScanner(out)
	for tf.provider == "" && lines.Scan() {
		_, setting, _ := strings.Cut(lines.Text(), "TF_REATTACH_PROVIDERS='")
		tf.provider = strings.TrimSuffix(setting, "'")
	}
	if tf.provider == "" {
		tf.t.Fatal("the provider does not say how to find it: ", lines.Err())
	}
}

// pluginFolder is where Terraform's AWS provider is kept for use without a network: in
// one of Terraform's own places, or in a folder under /opt.
// https://developer.hashicorp.com/terraform/cli/config/config-file#implied-local-mirror-directories
func pluginFolder(t *testing.T) string {
	t.Helper()
	home, _ := os.UserHomeDir() // without one, there is no such folder
	for _, place := range []string{home + "/.terraform.d/plugins", home + "/.local/share/terraform/plugins",
		"/usr/local/share/terraform/plugins", "/usr/share/terraform/plugins", "/opt/*"} {
		found, err := filepath.Glob(place + "/registry.terraform.io/hashicorp/aws")
		if err == nil && len(found) > 0 {
			return strings.TrimSuffix(found[0], "/registry.terraform.io/hashicorp/aws")
		}
	}
	t.Skip("Terraform's AWS provider is in no plugin folder")
	return ""
}

func (tf *terraform) configure(resources ...string) {
	tf.t.Helper()
	tf.write(filepath.Join(tf.root, "main.tf"), tf.configuration+strings.Join(resources, "\n"))
}

func (tf *terraform) write(file, text string) {
	tf.t.Helper()
	file = filepath.Join(tf.dir, file)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		tf.t.Fatal(err)
	}
}

// copyModule copies the module with its examples.
func (tf *terraform) copyModule() {
	tf.t.Helper()
	for _, pattern := range []string{"*.tf", "examples/*/*.tf"} {
		files, err := filepath.Glob(filepath.Join("../../../terraform", pattern))
		if err != nil || len(files) == 0 {
			tf.t.Fatalf("terraform/%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			tf.write(strings.TrimPrefix(filepath.ToSlash(file), "../../../"), contents(tf.t, file))
		}
	}
}

// applies returns what terraform wrote, and fails the test unless that has all parts.
func (tf *terraform) applies(parts ...string) string {
	tf.t.Helper()
	out := tf.run("apply", "-auto-approve", "-input=false")
	for _, part := range parts {
		if !strings.Contains(out, part) {
			tf.t.Fatalf("not %s:\n%s", part, out)
		}
	}
	return out
}

// environment lets Terraform collect no garbage up to 1 GiB. Each command reads the schemas of
// all resources of AWS, and collecting takes a quarter of its CPU (26 November 2026).
func (tf *terraform) environment() []string {
	return []string{"GOGC=off", "GOMEMLIMIT=1GiB", "PATH=" + os.Getenv("PATH"), "HOME=" + tf.dir, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
		"TF_REATTACH_PROVIDERS=" + tf.provider}
}

// run returns what the command wrote.
func (tf *terraform) run(args ...string) string {
	tf.t.Helper()
	ctx, cancel := context.WithTimeout(tf.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.WaitDelay = tf.folder(), 10*time.Second
	cmd.Env = tf.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		tf.t.Fatalf("terraform %s: %v\n%s", args[0], errors.Join(err, ctx.Err()), out)
	}
	return string(out)
}

var hclBlock = regexp.MustCompile("(?s)( *)```hcl\n(.*?\n) *```")

func pageBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	for _, found := range hclBlock.FindAllStringSubmatch(contents(t, "../../../docs/terraform.md"), -1) {
		indented := regexp.MustCompile("(?m)^" + found[1]) // a block within a list
		blocks = append(blocks, indented.ReplaceAllString(found[2], ""))
	}
	if len(blocks) < 6 {
		t.Fatalf("docs/terraform.md has %d blocks", len(blocks))
	}
	return blocks
}

var moduleSource = regexp.MustCompile(`(?m)^ *source .*//terraform\?ref=.*$`)

// pageModule is all blocks of the page together, with the module of this checkout.
func pageModule(t *testing.T) string {
	t.Helper()
	page := strings.Join(pageBlocks(t), "\n")
	if n := len(moduleSource.FindAllString(page, -1)); n != 1 {
		t.Fatalf("docs/terraform.md calls the module %d times", n)
	}
	return moduleSource.ReplaceAllString(page, "  source = \"../../..\"\n  name   = \"page\"")
}
