package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/testserver/eventstest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// The folders of the compiled functions, and the compiled drill.
var compiled, program string

func TestMain(m *testing.M) {
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (code int, err error) {
	postgrestest.ClearEnvironment()
	// For the AWS CLI and the rules; each test has an AWS of its own.
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "EXAMPLE", "AWS_SECRET_ACCESS_KEY": "EXAMPLE", "AWS_CONFIG_FILE": os.DevNull} {
		if err := os.Setenv(name, value); err != nil {
			return 0, err
		}
	}
	// These tests wait most of their time, as the end-to-end tests do.
	if err := flag.Set("test.parallel", strconv.Itoa(max(4, runtime.GOMAXPROCS(0)))); err != nil {
		return 0, err
	}
	compiled, err = os.MkdirTemp("", "keepcurrent-drill-")
	if err != nil {
		return 0, err
	}
	defer os.RemoveAll(compiled)
	if err := stacktest.Build(context.Background(), compiled); err != nil {
		return 0, err
	}
	program = filepath.Join(compiled, "drill")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		return 0, fmt.Errorf("go build: %w: %s", err, out)
	}
	return m.Run(), nil
}

// pollEvery is the schedule of a local stack.
const pollEvery = 400 * time.Millisecond

// local is a stack on this machine, whose poller runs on a schedule.
type local struct {
	*stacktest.Stack
	t *testing.T
	// Front is the webhook's public address. A test can put something before it.
	front *httptest.Server
	bus   *eventstest.Bus
	every time.Duration // from one poll to the next
	env   []string      // of the functions

	running sync.Mutex // held while a poll runs

	mu      sync.Mutex // guards what follows
	poller  bool       // is off if false
	before  func(http.ResponseWriter, *http.Request) bool
	polling sync.WaitGroup
}

// start starts a stack that polls often, and keeps the subscriptions.
func start(t *testing.T) *local { return startWith(t, pollEvery, true) }

// startWith starts a stack whose poller keeps the subscriptions, or does not.
func startWith(t *testing.T, every time.Duration, subscribes bool, env ...string) *local {
	t.Helper()
	l := &local{t: t, poller: true, every: every, env: env}
	// The poller must know the address before the stack has its own.
	var to http.Handler
	l.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if before := l.inFront(); before == nil || !before(w, r) {
			to.ServeHTTP(w, r)
		}
	}))
	if subscribes {
		l.env = append(l.env, "WEBHOOK_URL="+l.front.URL+"/heroku/webhook")
	}
	var err error
	l.Stack, err = stacktest.Start(t.Context(), stacktest.Config{Functions: compiled, Env: l.env})
	if err != nil {
		t.Fatal(err)
	}
	address, err := url.Parse(l.URL)
	if err != nil {
		t.Fatal(err)
	}
	to = httputil.NewSingleHostReverseProxy(&url.URL{Scheme: address.Scheme, Host: address.Host})
	l.bus = eventstest.Start(l.Webhook.Invoke)
	ctx, stop := context.WithCancel(context.Background())
	l.polling.Go(func() {
		for tick := time.Tick(every); ; {
			select {
			case <-tick:
				l.running.Lock()
				if l.isOn() {
					_, _ = l.Poll(ctx) // a failed poll is one that the drill must notice
				}
				l.running.Unlock()
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		stop()
		l.polling.Wait()
		l.front.CloseClientConnections()
		_ = l.bus.Close()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		l.front.Close()
		for _, leak := range l.Leaks() {
			t.Error(leak)
		}
		for _, violation := range l.Heroku.Violations() {
			t.Error("Heroku's schema is violated:", violation)
		}
		if t.Failed() {
			t.Logf("webhook:\n%s", l.Webhook.Logs())
			t.Logf("poller:\n%s", l.Poller.Logs())
		}
	})
	return l
}

func (l *local) isOn() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.poller
}

func (l *local) pollerOff() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.poller = false
}

// deploy deploys the functions with a parameter of the stack.
func (l *local) deploy(variable string) {
	l.running.Lock()
	defer l.running.Unlock()
	if err := l.Deploy(stacktest.Config{Functions: compiled, Env: append(slices.Clone(l.env), variable)}); err != nil {
		l.t.Error(err)
	}
}

// polled returns when no poll runs.
func (l *local) polled() {
	l.running.Lock()
	defer l.running.Unlock()
}

// stand puts something before the webhook, which answers in its place if it returns true.
func (l *local) stand(before func(http.ResponseWriter, *http.Request) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.before = before
}

func (l *local) inFront() func(http.ResponseWriter, *http.Request) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.before
}

// answers puts something before the webhook that answers everything with a status.
func (l *local) answers(status int) {
	l.stand(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(status)
		return true
	})
}

// drill returns a drill of the stack, in a hurry.
func (l *local) drill(out io.Writer) *drill {
	transport := &http.Transport{}
	l.t.Cleanup(transport.CloseIdleConnections)
	d := newDrill(options{rotateKey: true}, l.AWS, &herokuAPI{url: l.Heroku.URL, token: credential.New(l.Heroku.Token()), base: transport}, out)
	d.events = events(l.bus)
	d.stack = target{webhookURL: l.front.URL + "/heroku/webhook", signingKey: stacktest.SigningSecret}
	d.pace = pace{
		tick: 10 * time.Millisecond, poll: l.every, list: 5 * time.Second, deliver: 5 * time.Second, settle: 600 * time.Millisecond, retry: 300 * time.Millisecond,
		rounds: 3, calls: 1, most: 100, rotate: 2,
	}
	return d
}

func events(bus *eventstest.Bus) *eventbridge.Client {
	return eventbridge.New(eventbridge.Options{
		Region: "us-east-1", BaseEndpoint: &bus.URL, Credentials: credentials.NewStaticCredentialsProvider("EXAMPLE", "EXAMPLE", ""),
	})
}

// perform runs checks, and returns what the last of them found.
func (l *local) perform(d *drill, names ...string) finding {
	l.t.Helper()
	if d.heroku.app == "" {
		if err := d.prepare(l.t.Context()); err != nil {
			l.t.Fatal(err)
		}
	}
	if err := d.perform(l.t.Context(), named(l.t, names...)); err != nil {
		l.t.Fatal(err)
	}
	return d.findings[len(d.findings)-1]
}

// over ends a drill, and fails the test if something of it is left.
func (l *local) over(d *drill) {
	l.t.Helper()
	if err := d.cleanUp(l.t.Context()); err != nil {
		l.t.Error(err)
	}
	l.nothingLeft()
}

func named(t *testing.T, names ...string) (chosen []check) {
	t.Helper()
	for _, name := range names {
		i := slices.IndexFunc(checks, func(c check) bool { return c.name == name })
		if i < 0 {
			t.Fatalf("no check is called %s", name)
		}
		chosen = append(chosen, checks[i])
	}
	return chosen
}

// left returns what of drills is there.
func (l *local) left() (all []string) {
	l.t.Helper()
	left, err := l.drill(io.Discard).leftovers(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, one := range left {
		all = append(all, one.what)
	}
	return all
}

func (l *local) nothingLeft() {
	l.t.Helper()
	if left := l.left(); len(left) > 0 {
		l.t.Errorf("it leaves %q", left)
	}
}

// output is a buffer for a test that reads while a drill writes.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
