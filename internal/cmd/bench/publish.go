package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// The figures in docs/performance.md stand between these two.
const (
	figuresBegin = "<!-- figures: make bench writes them -->\n"
	figuresEnd   = "<!-- end of figures -->\n"
)

// publish puts the figures into docs/performance.md.
func (b *bench) publish() error {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "keepcurrent.example").Output()
	if err != nil {
		return err
	}
	path := filepath.Join(strings.TrimSpace(string(root)), "docs", "performance.md")
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, found := bytes.Cut(text, []byte(figuresBegin))
	_, after, found2 := bytes.Cut(rest, []byte(figuresEnd))
	if !found || !found2 {
		return fmt.Errorf("%s lacks the comments between which the figures stand", path)
	}
	figures := figuresBegin + "\n" + machine() + "\n\n" + b.String() + figuresEnd
	return errors.Join(
		os.WriteFile(path, bytes.Join([][]byte{before, []byte(figures), after}, nil), 0o644),
		os.WriteFile(filepath.Join(filepath.Dir(path), "img", "performance.svg"), []byte(draw(b.ways)), 0o644))
}

var modelName = regexp.MustCompile(`model name\s*: (.*)`)

// machine describes the machine and the time of the run.
func machine() string {
	processor := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if found := modelName.FindSubmatch(info); found != nil {
			processor = string(found[1])
		}
	}
	return fmt.Sprintf("One run on %s, on %d cores of %s (%s), %s.",
		time.Now().Format("2 January 2006"), runtime.NumCPU(), processor, runtime.GOOS, runtime.Version())
}
