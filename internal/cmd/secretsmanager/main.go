// Command secretsmanager serves the Secrets Manager of package secretstest on a
// loopback address, for the aws command and for programs under development. It
// keeps everything in memory.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"keepcurrent.example/internal/testserver/secretstest"
)

// settings are for a program that is to use the server. The SDKs for JavaScript and Go read
// AWS_REGION alone; boto3 reads AWS_DEFAULT_REGION.
const settings = `export AWS_ENDPOINT_URL_SECRETS_MANAGER=http://%[1]s AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 AWS_ACCESS_KEY_ID=EXAMPLE AWS_SECRET_ACCESS_KEY=EXAMPLE
# For a boto3 that does not read the first one (1.26, of Debian 12): boto3.client("secretsmanager", endpoint_url="http://%[1]s")
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "secretsmanager:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("secretsmanager", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintln(flags.Output(), "A Secrets Manager in memory. Usage: secretsmanager [-listen ADDRESS:PORT]")
		flags.PrintDefaults()
	}
	address := flags.String("listen", "127.0.0.1:4566", "loopback `address` to serve on; port 0 takes a free one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	listener, err := listen(ctx, *address)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, settings, listener.Addr())
	return serve(ctx, listener)
}

// listen listens at a loopback address and refuses any other, because the server does not
// check signatures.
func listen(ctx context.Context, address string) (net.Listener, error) {
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("read the address to listen on: %w", err)
	}
	if !resolved.IP.IsLoopback() {
		return nil, fmt.Errorf("listen on %s: only loopback addresses are served", address)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", resolved.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w (by another one of these? go run ./internal/cmd/secretsmanager -listen 127.0.0.1:0 takes a free port)", err)
	}
	return listener, err
}

func serve(ctx context.Context, listener net.Listener) error {
	api := secretstest.New()
	api.Intercept(func(c secretstest.Call) secretstest.Fault {
		log.Printf("%s %q", c.Action, c.SecretID)
		return nil
	})
	server := &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
