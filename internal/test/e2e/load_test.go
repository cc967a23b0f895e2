package e2e_test

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/stacktest"
)

var loadFor = flag.Duration("load", 2*time.Second, "how long TestLoad sends requests")

const (
	rate      = 500 // requests a second
	processes = 10  // as many as template.yaml can reserve
	inFlight  = 256 // most requests at a time
	// keyRest and listRest are the least time between two reads of the signing
	// key and of the list of secrets, in one process.
	keyRest, listRest = 30 * time.Second, 5 * time.Minute
	// settled is how long a run must be for its memory to be compared: the heap
	// of a young process still grows.
	settled = 20 * time.Second
)

// kind is one kind of request and its expected answer.
type kind struct {
	name   string
	share  int // of ten requests
	status int
	make   func(l *load, r *rand.Rand) *http.Request
}

var kinds = []kind{
	{"genuine", 1, 204, func(l *load, _ *rand.Rand) *http.Request {
		body := l.app.ReleaseEvent("update")
		return l.post(body, herokutest.Sign(stacktest.SigningKey, body))
	}},
	{"replayed", 1, 204, func(l *load, _ *rand.Rand) *http.Request {
		return l.post(l.old, herokutest.Sign(stacktest.SigningKey, l.old))
	}},
	{"forged", 3, 401, func(l *load, _ *rand.Rand) *http.Request {
		body := l.app.ReleaseEvent("update")
		return l.post(body, herokutest.Sign("another-key-EXAMPLE", body))
	}},
	{"altered", 1, 401, func(l *load, r *rand.Rand) *http.Request {
		body := bytes.Clone(l.old)
		body[r.IntN(len(body))] ^= 1
		return l.post(body, herokutest.Sign(stacktest.SigningKey, l.old))
	}},
	{"noise", 2, 401, func(l *load, r *rand.Rand) *http.Request {
		body := noise(r)
		req := l.post(body, herokutest.Sign("", body))
		req.Header.Set("Content-Type", []string{"application/json", "application/octet-stream", "x"}[r.IntN(3)])
		return req
	}},
	{"wrong method", 1, 404, func(l *load, r *rand.Rand) *http.Request {
		req := l.post(noise(r), "")
		req.Method = []string{"PUT", "DELETE", "GET"}[r.IntN(3)]
		return req
	}},
	{"wrong path", 1, 404, func(l *load, r *rand.Rand) *http.Request {
		req := l.post(l.old, herokutest.Sign(stacktest.SigningKey, l.old))
		req.URL.Path = []string{"/", "/heroku", "/heroku/webhook/", "/.env"}[r.IntN(4)]
		return req
	}},
}

func noise(r *rand.Rand) []byte {
	body := make([]byte, r.IntN(64<<10))
	for i := range body {
		body[i] = byte(r.Uint32())
	}
	return body
}

// load is a flood of requests at a fixed rate, which does not depend on the answers.
type load struct {
	*shop
	old    []byte // the body that is sent over and over
	client http.Client
	sent   []sent
}

// sent is one request and its result.
type sent struct {
	kind
	got  int           // status, 0 if there was no answer
	took time.Duration // from the moment when it was due
}

// TestLoad floods the webhook with requests, of which one in ten is Heroku's. It checks
// that each request is answered rightly, and the cost in calls and memory. It does not
// check the speed, which depends on the machine. It is not parallel, because it would
// slow other tests down.
func TestLoad(t *testing.T) {
	s := openShop(t, stacktest.Config{Concurrency: processes})
	s.Heroku.SetRateLimit(1 << 30) // the account's hourly requests are not the matter here
	l := &load{shop: s, old: s.app.ReleaseEvent("create"), sent: make([]sent, int(loadFor.Seconds()*rate))}
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight}
	defer transport.CloseIdleConnections()
	l.client = http.Client{Transport: transport, Timeout: time.Minute}

	began := time.Now()
	quarter := l.flood(began)
	took, end := time.Since(began), l.memory()
	l.report(took, quarter, end)
	l.answered()
	l.bounded(took)
	l.flat(quarter, end)
	l.equal()
}

// flood sends the requests, waits for all answers, and returns the memory of
// the processes after a quarter of the time.
func (l *load) flood(began time.Time) (quarter map[int]int) {
	r := rand.New(rand.NewPCG(1, 2))
	free := make(chan struct{}, inFlight)
	var wg sync.WaitGroup
	for i := range l.sent {
		k := kindAt(i)
		req := k.make(l, r)
		due := began.Add(time.Duration(i) * time.Second / rate)
		time.Sleep(time.Until(due)) // this is the rate; nothing waits for an event here
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			l.sent[i] = sent{k, l.send(req), time.Since(due)}
		})
		if i == len(l.sent)/4 {
			quarter = l.memory()
		}
	}
	wg.Wait()
	return quarter
}

func kindAt(i int) kind {
	rest := i % 10
	for _, k := range kinds {
		if rest -= k.share; rest < 0 {
			return k
		}
	}
	panic("the shares are not ten in all")
}

func (l *load) post(body []byte, signature string) *http.Request {
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodPost, l.URL, bytes.NewReader(body))
	l.must(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Heroku-Webhook-Hmac-SHA256", signature)
	return req
}

// send returns the status of the answer, 0 if there is none.
func (l *load) send(req *http.Request) int {
	resp, err := l.client.Do(req)
	if err != nil {
		l.t.Error(err)
		return 0
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		l.t.Error(err)
		return 0
	}
	return resp.StatusCode
}

// answered fails the test unless each request got the answer of its kind and no process
// died.
func (l *load) answered() {
	l.t.Helper()
	wrong := make(map[string]int)
	for _, s := range l.sent {
		if s.got != s.status {
			wrong[fmt.Sprintf("%s: %d, want %d", s.name, s.got, s.status)]++
		}
	}
	if len(wrong) > 0 {
		l.t.Errorf("wrong answers: %v", wrong)
	}
	if starts := l.Webhook.Starts(); starts > processes || starts != len(l.Webhook.Pids()) {
		l.t.Errorf("%d processes were started and %d are left", starts, len(l.Webhook.Pids()))
	}
}

// bounded fails the test if there were more remote calls than the signed requests need
// and each process may make for itself.
func (l *load) bounded(took time.Duration) {
	l.t.Helper()
	signed := 0
	for _, s := range l.sent {
		if s.status == 204 {
			signed++
		}
	}
	if calls := l.Heroku.Calls(); len(calls) != 1 || calls[configVars] != signed {
		l.t.Errorf("calls of Heroku: %v, want %d reads of config vars", calls, signed)
	}
	starts, renewals := l.Webhook.Starts(), int(took/keyRest)
	most := map[string]int{
		"DescribeSecret": 2 * signed,                    // the fence, and whether AWSCURRENT is still there
		"GetSecretValue": starts * (1 + 2*(1+renewals)), // the token; the key and its predecessor
		"ListSecrets":    starts * (1 + int(took/listRest)),
	}
	for action, n := range l.Secrets.Calls() {
		if n > most[action] {
			l.t.Errorf("%d calls of %s, want at most %d", n, action, most[action])
		}
	}
}

// memory is the resident set of each process, in bytes; nil where there is no
// /proc.
func (l *load) memory() map[int]int {
	if runtime.GOOS != "linux" {
		return nil
	}
	resident := make(map[int]int)
	for _, pid := range l.Webhook.Pids() {
		statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		l.must(err)
		pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
		l.must(err)
		resident[pid] = pages * os.Getpagesize()
	}
	return resident
}

// flat fails the test if the processes have grown since the first quarter, or
// use half of what template.yaml gives them.
func (l *load) flat(quarter, end map[int]int) {
	l.t.Helper()
	var before, after int
	for pid, bytes := range end {
		if bytes > 128<<20 {
			l.t.Errorf("process %d has %s", pid, mib(bytes))
		}
		if quarter[pid] > 0 {
			before, after = before+quarter[pid], after+bytes
		}
	}
	if *loadFor >= settled && after > before*12/10 {
		l.t.Errorf("the processes have grown from %s to %s", mib(before), mib(after))
	}
}

func mib(bytes int) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// report prints a table.
func (l *load) report(took time.Duration, quarter, end map[int]int) {
	var text strings.Builder
	w := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d requests in %.1f s, %d a second wanted\n", len(l.sent), took.Seconds(), rate)
	fmt.Fprintln(w, "kind\trequests\tanswers\tp50\tp95\tp99\tmax")
	for _, k := range append(slices.Clone(kinds), kind{name: "all"}) {
		var times []time.Duration
		answers := make(map[int]int)
		for _, s := range l.sent {
			if s.name == k.name || k.name == "all" {
				times = append(times, s.took)
				answers[s.got]++
			}
		}
		slices.Sort(times)
		at := func(percent int) time.Duration {
			return times[(len(times)-1)*percent/100].Round(100 * time.Microsecond)
		}
		fmt.Fprintf(w, "%s\t%d\t%v\t%v\t%v\t%v\t%v\n", k.name, len(times), answers, at(50), at(95), at(99), at(100))
	}
	fmt.Fprintf(w, "Heroku\t%v\n", l.Heroku.Calls())
	fmt.Fprintf(w, "Secrets Manager\t%v\n", l.Secrets.Calls())
	fmt.Fprintf(w, "memory at a quarter\t%s\n", resident(quarter))
	fmt.Fprintf(w, "memory at the end\t%s\n", resident(end))
	w.Flush()
	l.t.Log("\n" + text.String())
}

func resident(processes map[int]int) string {
	sum, most := 0, 0
	for _, bytes := range processes {
		sum, most = sum+bytes, max(most, bytes)
	}
	return fmt.Sprintf("%d processes: %s, the largest %s", len(processes), mib(sum), mib(most))
}
