package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"time"
)

const startRuns = 60

// coldStart measures both functions and an empty one alternately, from exec to the first
// poll of the Runtime API.
func (b *bench) coldStart(ctx context.Context) error {
	silent, err := newSilence()
	if err != nil {
		return err
	}
	defer silent.Close()
	programs := []string{"empty", "webhook", "poller"}
	wall, cpu := make(map[string]sample), make(map[string]sample)
	for range startRuns {
		for _, name := range programs {
			w, c, err := boot(ctx, b.bootstrap(name), silent.Addr().String())
			if err != nil {
				return fmt.Errorf("starting the %s: %w", name, err)
			}
			wall[name], cpu[name] = append(wall[name], w), append(cpu[name], c)
		}
	}
	b.start = wall["webhook"]
	var rows [][]string
	for _, what := range []struct {
		name string
		of   map[string]sample
	}{{"time", wall}, {"CPU, user and system", cpu}} {
		for _, name := range programs {
			row := append([]string{name, what.name}, what.of[name].cells()...)
			rows = append(rows, append(row, ratio(what.of[name].median(), what.of["empty"].median())))
		}
	}
	b.table("Cold start: from exec to the first poll of the Runtime API",
		[]string{"function", "", "min", "median", "max", "ratio"}, rows,
		fmt.Sprintf("%d runs each, alternating. The ratio is that of the medians, to *empty*: `lambda.Start` with a handler that does nothing. AWS and Heroku are addresses that never answer.", startRuns))
	return nil
}

// boot runs a program until it asks for work.
func boot(ctx context.Context, bootstrap, nowhere string) (wall, cpu time.Duration, err error) {
	asked := make(chan time.Time, 1)
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- time.Now()
		<-r.Context().Done()
	}))
	defer api.Close()
	cmd := exec.CommandContext(ctx, bootstrap)
	cmd.Env = []string{
		"AWS_LAMBDA_RUNTIME_API=" + api.Listener.Addr().String(),
		"AWS_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=EXAMPLE", "AWS_SECRET_ACCESS_KEY=EXAMPLE",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=https://" + nowhere, "HEROKU_API_URL=https://" + nowhere,
		"HEROKU_TOKEN_SECRET_ID=token", "WEBHOOK_SIGNING_SECRET_ID=key",
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	select {
	case at := <-asked:
		wall = at.Sub(began)
	case <-gone:
		return 0, 0, errors.New("it ended: " + said.String())
	}
	cmd.Process.Kill()
	<-gone
	return wall, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// newSilence listens, accepts every connection and sends nothing.
func newSilence() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(io.Discard, conn); conn.Close() }()
		}
	}()
	return listener, nil
}
