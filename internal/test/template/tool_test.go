package template_test

import (
	"debug/buildinfo"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// without is this process's environment without the variables of these prefixes.
func without(prefixes ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}

func TestCfnLintHasNothingToSay(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("cfn-lint"); err != nil {
		t.Skip("cfn-lint is not installed")
	}
	lint := exec.CommandContext(t.Context(), "cfn-lint", "template.yaml")
	lint.Dir = root
	lint.Env = without("AWS_")
	if output, err := lint.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%v\n%s", err, output)
	}
}

// SAM runs the target build-LOGICALID with ARTIFACTS_DIR in the environment.
func TestSAMGetsABootstrapForLambdaOfEachFunction(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("make"); err != nil {
		t.Skip("make is not installed")
	}
	packages := map[string]string{"WebhookFunction": "webhook", "PollerFunction": "poller"}
	for _, id := range functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			build := exec.CommandContext(t.Context(), "make", "--makefile", "Makefile", "build-"+id)
			build.Dir = root
			build.Env = append(without("MAKE", "MFLAGS", "GNUMAKEFLAGS"), "ARTIFACTS_DIR="+dir)
			if output, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, output)
			}
			bootstrap := filepath.Join(dir, "bootstrap")
			isForLambda(t, bootstrap)
			info, err := buildinfo.ReadFile(bootstrap)
			if err != nil {
				t.Fatal(err)
			}
			mustBe(t, "the package", info.Path, "keepcurrent.example/functions/"+packages[id])
		})
	}
}

func isForLambda(t *testing.T, file string) {
	t.Helper()
	if info, err := os.Stat(file); err != nil || info.Mode()&0o111 == 0 {
		t.Fatalf("no executable: %v", err)
	}
	program, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	mustBe(t, "the machine", program.Machine.String(), elf.EM_AARCH64.String())
	for _, segment := range program.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Error("it is linked dynamically")
		}
	}
}
