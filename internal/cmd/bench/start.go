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
	"path/filepath"
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
	took := make(map[string]sample)
	for range startRuns {
		for _, name := range programs {
			t, err := boot(ctx, filepath.Join(b.dir, name, "bootstrap"), silent.Addr().String())
			if err != nil {
				return fmt.Errorf("starting the %s: %w", name, err)
			}
			took[name] = append(took[name], t)
		}
	}
	b.start = took["webhook"]
	var rows [][]string
	for _, name := range programs {
		rows = append(rows, append(took[name].row(name), ratio(took[name].median(), took["empty"].median())))
	}
	b.table("Cold start: from exec to the first poll of the Runtime API",
		[]string{"function", "min", "median", "max", "ratio"}, rows,
		fmt.Sprintf("%d runs each, alternating. *empty* is `lambda.Start` with a handler that does nothing. AWS and Heroku do not answer here.", startRuns))
	return nil
}

// boot runs a program until it asks for work, and returns how long that takes.
func boot(ctx context.Context, bootstrap, nowhere string) (took time.Duration, err error) {
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
		return 0, err
	}
	gone := make(chan struct{})
	go func() { cmd.Wait(); close(gone) }()
	select {
	case at := <-asked:
		took = at.Sub(began)
	case <-gone:
		return 0, errors.New("it ended: " + said.String())
	}
	cmd.Process.Kill()
	<-gone
	return took, nil
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
