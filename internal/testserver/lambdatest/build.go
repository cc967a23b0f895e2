package lambdatest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
)

// Build compiles a package of the module in whose tree the process runs into
// dir/NAME/bootstrap and returns that path; NAME is the last element of the
// package's path. The flags are those of a deployment, the architecture is this
// machine's. The error contains the compiler's output.
func Build(ctx context.Context, dir, pkg string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("lambdatest: build %s: %w", pkg, err)
	}
	bootstrap := filepath.Join(dir, path.Base(pkg), "bootstrap")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", "lambda.norpc", "-ldflags=-s -w -buildid=", "-o", bootstrap, pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+runtime.GOOS, "GOARCH="+runtime.GOARCH)
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("lambdatest: build %s: %w\n%s", pkg, err, output)
	}
	return bootstrap, nil
}
