package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// weight measures the packages, and the memory of a webhook that has handled deliveries.
func (b *bench) weight(r *rig) error {
	var rows [][]string
	for _, name := range []string{"empty", "webhook", "poller"} {
		plain, zipped, err := packed(b.bootstrap(name))
		if err != nil {
			return err
		}
		rows = append(rows, []string{name + ", bootstrap", mb(plain)}, []string{name + ", zipped", mb(zipped)})
	}
	for _, pid := range r.Webhook.Pids() {
		peak, err := highWater(pid)
		if err != nil {
			b.skip("peak memory", err.Error())
			break
		}
		rows = append(rows, []string{"webhook, peak memory after a cold run and two warm ones (VmHWM)", mb(peak)})
	}
	b.table("Size", []string{"", "MB"}, rows, "1 MB is 1,000,000 bytes. The packages are built for this machine's processor.")
	return nil
}

func mb(bytes int) string { return fmt.Sprintf("%.2f", float64(bytes)/1e6) }

// packed returns the size of a bootstrap as it is and in the zip file of a deployment.
func packed(bootstrap string) (plain, zipped int, err error) {
	program, err := os.ReadFile(bootstrap)
	if err != nil {
		return 0, 0, err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	entry, err := z.Create(filepath.Base(bootstrap))
	if err == nil {
		_, err = entry.Write(program)
	}
	return len(program), archive.Len(), errors.Join(err, z.Close())
}

var vmHWM = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// highWater is the most memory that a process ever had resident.
func highWater(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	found := vmHWM.FindSubmatch(status)
	if found == nil {
		return 0, errors.New("/proc tells no VmHWM")
	}
	kilobytes, err := strconv.Atoi(string(found[1]))
	return kilobytes * 1024, err
}
