package secretstest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"

	"keepcurrent.example/internal/testserver/secretstest"
)

// TestTerraformAppliesOurPage runs the real terraform with the resources of
// docs/terraform.md that only need Secrets Manager. It makes the page's secret, and
// takes over one that has a value, whose details it changes and whose value it leaves.
func TestTerraformAppliesOurPage(t *testing.T) {
	t.Parallel()
	defer caught(t)
	server, x := newTrial(t)
	tf := newTerraform(t, server)
	page := pageResources(t)
	if len(page) < 3 {
		t.Fatalf("docs/terraform.md has %d blocks that need Secrets Manager alone", len(page))
	}
	x.name = "bank/database"
	first := x.create("one")
	ok(x.tag("old", "tag"))
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
`, *x.describe().ARN))...)
	tf.run("init", "-plugin-dir="+tf.plugins)
	want := "1 imported, 1 added, 1 changed, 0 destroyed"
	if out := tf.run("apply", "-auto-approve", "-input=false"); !strings.Contains(out, want) {
		t.Fatalf("not %s:\n%s", want, out)
	}

	bank := x.describe()
	if orEmpty(bank.Description) != "of the bank" || orEmpty(bank.KmsKeyId) != "alias/bank" {
		t.Errorf("the secret is described by %q, %q", orEmpty(bank.Description), orEmpty(bank.KmsKeyId))
	}
	equal("its tags", bank.Tags, []types.Tag{{Key: new("heroku:app"), Value: new("bank")}})
	x.hasLabels(map[string]string{current: first})
	x.name = "shop/database"
	equal("the tags of the page's secret", x.describe().Tags, []types.Tag{{Key: new("heroku:app"), Value: new("shop")}})
}

// A terraform is the command in a folder of its own, with nothing of the environment.
type terraform struct {
	t             *testing.T
	dir, plugins  string
	configuration string // of the provider
}

func newTerraform(t *testing.T, server *secretstest.Server) *terraform {
	t.Helper()
	if _, err := exec.LookPath("terraform"); err != nil || testing.Short() {
		t.Skip("terraform is not installed, or the test is to be short")
	}
	return &terraform{t: t, dir: t.TempDir(), plugins: pluginFolder(t), configuration: fmt.Sprintf(`
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
`, server.URL)}
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

// run returns what the command wrote. The provider takes some ten seconds to start.
func (tf *terraform) run(args ...string) string {
	tf.t.Helper()
	ctx, cancel := context.WithTimeout(tf.t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "terraform", args...)
	cmd.Dir, cmd.WaitDelay = tf.dir, 10*time.Second
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that it ends its provider
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + tf.dir, "CHECKPOINT_DISABLE=1", "TF_IN_AUTOMATION=1", "TF_CLI_ARGS=-no-color"}
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
	page, err := os.ReadFile("../../../docs/terraform.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range hclBlock.FindAllStringSubmatch(string(page), -1) {
		block := found[1]
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
