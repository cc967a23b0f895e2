package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const signatureBench = "BenchmarkSignature"

var benchLine = regexp.MustCompile(signatureBench + `/(\S+?)(?:-\d+)?\s+\d+\s+(\d+) ns/op\s+([\d.]+) MB/s\s+(\d+) B/op\s+(\d+) allocs/op`)

// signatureRuns is how often each request is checked; the requests alternate.
const signatureRuns = 5

// signature runs the benchmark of the signature check, which is in the check's package.
func (b *bench) signature(ctx context.Context) error {
	program := filepath.Join(b.dir, "signature.test")
	if said, err := exec.CommandContext(ctx, "go", "test", "-c", "-o", program, "keepcurrent.example/functions/webhook").CombinedOutput(); err != nil {
		return fmt.Errorf("compiling: %w\n%s", err, said)
	}
	var answer []byte
	for range signatureRuns {
		said, err := exec.CommandContext(ctx, program, "-test.run", "^$", "-test.bench", "^"+signatureBench+"$", "-test.benchmem", "-test.benchtime", "100ms").CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w\n%s", err, said)
		}
		answer = append(answer, said...)
	}
	var names []string
	times := make(map[string]sample)
	last := make(map[string][]string)
	for _, found := range benchLine.FindAllStringSubmatch(string(answer), -1) {
		var ns int64
		fmt.Sscan(found[2], &ns)
		name := strings.ReplaceAll(found[1], "_", " ")
		if times[name] == nil {
			names = append(names, name)
		}
		times[name] = append(times[name], time.Duration(ns))
		last[name] = found[4:]
	}
	plain := times["plain"]
	if plain == nil {
		b.skip("signature check", "functions/webhook has no "+signatureBench)
		return nil
	}
	var rows [][]string
	for _, name := range names {
		least, median, most := times[name].spread()
		row := []string{name, speed(most), speed(median), speed(least), ratio(median, plain.median())}
		rows = append(rows, append(row, last[name]...))
	}
	b.table("Signature check of a body of 1 MiB", []string{"request", "min MB/s", "median", "max", "time, compared with plain", "bytes allocated", "allocations"}, rows,
		fmt.Sprintf("*plain* is `crypto/hmac` over the same bytes. %d runs each, alternating.", signatureRuns))
	return nil
}
