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
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// TestTerraformAppliesOurPage runs the real terraform with the resources of
// docs/terraform.md that only need Secrets Manager. It makes the page's secret, and
// takes over one that has a value, whose details it changes and whose value it leaves.
func TestTerraformAppliesOurPage(t *testing.T) {
	t.Parallel()
	server := secretstest.NewServer()
	t.Cleanup(server.Close)
	client := server.Client()
	describe := func(name string) *secretsmanager.DescribeSecretOutput {
		t.Helper()
		out, err := client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: &name})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	tf := newTerraform(t, server.URL)
	page := pageResources(t)
	if len(page) < 3 {
		t.Fatalf("docs/terraform.md has %d blocks that need Secrets Manager alone", len(page))
	}
	made, err := client.CreateSecret(t.Context(), &secretsmanager.CreateSecretInput{
		Name: new("bank/database"), SecretString: new("one"), Tags: []types.Tag{{Key: new("old"), Value: new("tag")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	tf.configure(append(page, fmt.Sprintf(`
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
`, *made.ARN))...)
	tf.run("init", "-plugin-dir="+tf.plugins)
	tf.applies("1 imported, 1 added, 1 changed, 0 destroyed")

	bank := describe("bank/database")
	if *bank.Description != "of the bank" || *bank.KmsKeyId != "alias/bank" || !hasTags(bank.Tags, map[string]string{"heroku:app": "bank"}) {
		t.Errorf("the secret is %q, %q, %v", *bank.Description, *bank.KmsKeyId, bank.Tags)
	}
	if labels := bank.VersionIdsToStages; fmt.Sprint(labels) != fmt.Sprintf("map[%s:[AWSCURRENT]]", *made.VersionId) {
		t.Errorf("its versions are %v", labels)
	}
	if shop := describe("shop/database"); !hasTags(shop.Tags, map[string]string{"heroku:app": "shop"}) {
		t.Errorf("the tags of the page's secret are %v", shop.Tags)
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
	tf := newTerraform(t, s.Secrets.URL)
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

// A terraform is the command in a folder of its own, with nothing of the environment.
type terraform struct {
	t             *testing.T
	dir, plugins  string
	provider      string // how the commands find the provider that runs
	configuration string // of the provider
}

func newTerraform(t *testing.T, secretsManager string) *terraform {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil || testing.Short() {
		t.Skip("terraform is not installed, or the test is to be short")
	}
	tf := &terraform{t: t, dir: t.TempDir(), plugins: pluginFolder(t), configuration: fmt.Sprintf(`
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "us-east-1"
  access_key                  = "EXAMPLE"
  secret_key                  = "EXAMPLE"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints { secretsmanager = %q }
}
`, secretsManager)}
	tf.startProvider()
	return tf
}

// startProvider starts the provider once for all commands. It takes some ten seconds to
// start, and each command would start it two or three times.
// https://developer.hashicorp.com/terraform/plugin/debugging#starting-a-provider-in-debug-mode
func (tf *terraform) startProvider() {
	tf.t.Helper()
	binaries, err := filepath.Glob(fmt.Sprintf("%s/registry.terraform.io/hashicorp/aws/*/%s_%s/terraform-provider-aws*", tf.plugins, runtime.GOOS, runtime.GOARCH))
	if err != nil || len(binaries) == 0 {
		tf.t.Skip("Terraform's AWS provider is for another machine, or packed")
	}
	cmd := exec.CommandContext(tf.t.Context(), binaries[len(binaries)-1], "-debug")
	cmd.Env = tf.environment()
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
	text := tf.configuration + strings.Join(resources, "\n")
	if err := os.WriteFile(filepath.Join(tf.dir, "main.tf"), []byte(text), 0o600); err != nil {
		tf.t.Fatal(err)
	}
}

// applies returns what terraform wrote, and fails the test unless that many changes were made.
func (tf *terraform) applies(want string) string {
	tf.t.Helper()
	out := tf.run("apply", "-auto-approve", "-input=false")
	if !strings.Contains(out, want) {
		tf.t.Fatalf("not %s:\n%s", want, out)
	}
	return out
}

func (tf *terraform) environment() []string {
	return []string{"PATH=" + os.Getenv("PATH"), "HOME=" + tf.dir, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color",
		"TF_REATTACH_PROVIDERS=" + tf.provider}
}

// run returns what the command wrote.
func (tf *terraform) run(args ...string) string {
	tf.t.Helper()
	ctx, cancel := context.WithTimeout(tf.t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.WaitDelay = tf.dir, 10*time.Second
	cmd.Env = tf.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		tf.t.Fatalf("terraform %s: %v\n%s", args[0], errors.Join(err, ctx.Err()), out)
	}
	return string(out)
}

var (
	hclBlock  = regexp.MustCompile("(?s)```hcl\n(.*?)```")
	hclType   = regexp.MustCompile(`(?m)^(?:resource|data) "(\w+)"`)
	hclOthers = regexp.MustCompile(`(?m)^(?:removed|output|\w+ = \[)`)
)

// pageResources are the blocks of the page that need Secrets Manager alone, the secret
// first.
func pageResources(t *testing.T) (blocks []string) {
	t.Helper()
	for _, block := range pageBlocks(t) {
		types := hclType.FindAllStringSubmatch(block, -1)
		alone := len(types) > 0 && !hclOthers.MatchString(block)
		for _, name := range types {
			alone = alone && (name[1] == "aws_secretsmanager_secret" || name[1] == "aws_iam_policy_document")
		}
		if alone {
			blocks = append(blocks, block)
		}
	}
	return blocks
}

func pageBlocks(t *testing.T) (blocks []string) {
	t.Helper()
	for _, found := range hclBlock.FindAllStringSubmatch(contents(t, "../../../docs/terraform.md"), -1) {
		blocks = append(blocks, found[1])
	}
	return blocks
}
