package template_test

import (
	"archive/zip"
	"debug/buildinfo"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/tool"
)

// without is this process's environment without the variables of these prefixes.
func without(prefixes ...string) []string {
	return slices.DeleteFunc(os.Environ(), func(variable string) bool {
		return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(variable, prefix) })
	})
}

func TestCfnLintHasNothingToSay(t *testing.T) {
	t.Parallel()
	lint := exec.CommandContext(t.Context(), tool.Path(t, "cfn-lint"), "template.yaml")
	lint.Dir = root
	lint.Env = without("AWS_")
	if output, err := lint.CombinedOutput(); err != nil || len(output) > 0 {
		t.Errorf("%v\n%s", err, output)
	}
}

// packages are those of the functions.
var packages = map[string]string{"WebhookFunction": "webhook", "PollerFunction": "poller"}

// The zips that the template names have what Lambda starts.
func TestTheZipsHoldABootstrapForLambda(t *testing.T) {
	t.Parallel()
	zips := exec.CommandContext(t.Context(), tool.Path(t, "make"), "zips")
	zips.Dir = root
	zips.Env = without("MAKE", "MFLAGS", "GNUMAKEFLAGS")
	if output, err := zips.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, id := range functions {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			archive, err := zip.OpenReader(filepath.Join(root, property(load(t), id, "CodeUri").text()))
			if err != nil {
				t.Fatal(err)
			}
			defer archive.Close()
			if len(archive.File) != 1 || archive.File[0].Name != "bootstrap" {
				t.Fatalf("it holds %d files", len(archive.File))
			}
			bootstrap := filepath.Join(t.TempDir(), "bootstrap")
			unpack(t, archive.File[0], bootstrap)
			isForLambda(t, bootstrap)
			info, err := buildinfo.ReadFile(bootstrap)
			if err != nil {
				t.Fatal(err)
			}
			mustBe(t, "the package", info.Path, "keepcurrent.example/functions/"+packages[id])
		})
	}
}

func unpack(t *testing.T, file *zip.File, to string) {
	t.Helper()
	from, err := file.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, file.Mode())
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, from)
	if err := errors.Join(err, out.Close()); err != nil {
		t.Fatal(err)
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
