package lambdatest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"time"
)

// Build compiles a package of the module in whose tree the process runs into
// dir/NAME/bootstrap and returns that path; NAME is the last element of the
// package's path. The flags are those of a deployment, the architecture is this
// machine's. The error contains the compiler's output. The first time it takes minutes, so
// every five seconds it says on the standard error how far it is.
func Build(ctx context.Context, dir, pkg string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("lambdatest: build %s: %w", pkg, err)
	}
	bootstrap := filepath.Join(dir, path.Base(pkg), "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-v", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc", "-ldflags=-s -w -buildid=", "-o", bootstrap, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	out := &progress{pkg: path.Base(pkg), due: time.Now().Add(reportEvery)}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("lambdatest: build %s: %w\n%s", pkg, err, out.text.String())
	}
	return bootstrap, nil
}

const reportEvery = 5 * time.Second

// progress keeps what the compiler says, which is a line for each package, and tells from
// time to time how many there were.
type progress struct {
	pkg  string
	text bytes.Buffer
	due  time.Time
}

func (p *progress) Write(text []byte) (int, error) {
	p.text.Write(text)
	if time.Now().After(p.due) {
		p.due = time.Now().Add(reportEvery)
		fmt.Fprintf(os.Stderr, "         %s: %d packages downloaded or compiled so far\n", p.pkg, bytes.Count(p.text.Bytes(), []byte("\n")))
	}
	return len(text), nil
}
