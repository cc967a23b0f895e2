package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"keepcurrent.example/internal/testserver/mototest"
)

const deployPage = "../../../docs/deploy.md"

// releaseCommands are those of docs/deploy.md for a release, up to the stack.
func releaseCommands(t *testing.T) string {
	t.Helper()
	blocks := regexp.MustCompile("(?s)\n```sh\n(.*?)```").FindAllStringSubmatch(read(t, deployPage), -1)
	if len(blocks) != 1 || !strings.HasPrefix(blocks[0][1], "sha256sum ") {
		t.Fatalf("docs/deploy.md has %d blocks of sh", len(blocks))
	}
	return blocks[0][1]
}

// writeRelease writes the files of a release that a deployment needs, as make release does.
func (s *site) writeRelease() (zips map[string]string) {
	s.t.Helper()
	zips = make(map[string]string)
	files := map[string]string{"template.yaml": strings.ReplaceAll(read(s.t, "../../../template.yaml"), "build/release/", "")}
	for _, name := range []string{"webhook-arm64.zip", "poller-arm64.zip"} {
		var b bytes.Buffer
		archive := zip.NewWriter(&b)
		w, err := archive.Create("bootstrap")
		if err == nil {
			_, err = w.Write([]byte(name))
		}
		if err != nil || archive.Close() != nil {
			s.t.Fatal(err)
		}
		files[name], zips[name] = b.String(), b.String()
	}
	var sums strings.Builder
	for name, text := range files {
		s.write("release/"+name, text)
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256([]byte(text)), name)
	}
	s.write("release/SHA256SUMS", sums.String())
	return zips
}

// sh runs commands in the folder of the release, up to the first that fails.
func (s *site) sh(commands string) (string, error) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "sh", "-e", "-c", commands)
	cmd.Dir = filepath.Join(s.folder, "release")
	cmd.Env = append(os.Environ(), "AWS_PAGER=")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestThePagesCommandsDeployARelease(t *testing.T) {
	if _, err := exec.LookPath("sha256sum"); err != nil {
		t.Skip("sha256sum is not installed")
	}
	s := openSite(t, mototest.Start(t))
	zips := s.writeRelease()
	commands := releaseCommands(t)

	s.write("release/poller-arm64.zip", "another")
	if out, err := s.sh(commands); err == nil || !strings.Contains(out, "poller-arm64.zip: FAILED") || len(s.stacks.made()) > 0 {
		t.Errorf("a zip with another checksum: got error %v, requests %v\n%s", err, s.stacks.made(), out)
	}
	s.write("release/poller-arm64.zip", zips["poller-arm64.zip"])
	s.must(s.sh(commands))
	s.is("CREATE_COMPLETE", settings{"HerokuApp": "shop", "AlarmEmail": "ops@example.com"})

	// The stack has the very bytes whose checksums were checked.
	packaged := regexp.MustCompile(`CodeUri: s3://(keepcurrent-123456789012-eu-west-1/keepcurrent/\S+)`).FindAllStringSubmatch(read(t, filepath.Join(s.folder, "release/packaged.yaml")), -1)
	if len(packaged) != 2 {
		t.Fatalf("the packaged template names %q", packaged)
	}
	for i, name := range []string{"webhook-arm64.zip", "poller-arm64.zip"} {
		if got := s.aws("s3", "cp", "s3://"+packaged[i][1], "-"); got != zips[name] {
			t.Errorf("the function of %s has %d other bytes", name, len(got))
		}
	}
}

// The workflow of the page does what the section before it does.
func TestThePagesWorkflowHasTheCommandsOfARelease(t *testing.T) {
	t.Parallel()
	workflow := regexp.MustCompile("(?s)\n```yaml\n(.*?)```").FindStringSubmatch(read(t, deployPage))
	if workflow == nil {
		t.Fatal("docs/deploy.md has no workflow")
	}
	for line := range strings.Lines(releaseCommands(t)) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "export ") && !strings.Contains(workflow[1], " "+line+"\n") {
			t.Errorf("it has no line %q", line)
		}
	}
}
