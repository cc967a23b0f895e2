package e2e_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/reconcile"
	"keepcurrent.example/internal/secrets"
	"keepcurrent.example/internal/testserver/secretstest"
	"keepcurrent.example/internal/testserver/stacktest"
)

var scale = flag.Bool("scale", false, "measure the polls of up to 40,000 bindings")

// The account of a short round has what comes back in a minute, above the reserve.
const (
	perMinute, reserve = 75, 500
	// overshoot is how many more requests a poll may make before it notices that none are
	// left: 8 are under way, and each answer may show an older, higher count.
	overshoot = 8 * 8
	// startup is how many secret values a cold container reads: the token, the key and
	// its predecessor.
	startup = 3
	// warm is how many rounds follow the cold one.
	warm = 3
)

// estate is a stack with a secret for each of many apps. Nothing changes in it.
type estate struct {
	*stack
	apps int

	mu    sync.Mutex // guards what follows
	pages [][]byte   // of the list of secrets
	next  int        // page
}

// TestScale prints the cost of an idle poll with the compiled poller, for the tables of
// docs/scale.md, and compares its calls with the numbers there.
func TestScale(t *testing.T) {
	if !*scale || runtime.GOOS != "linux" {
		t.Skip("run it with -scale, where there is a /proc")
	}
	e := &estate{stack: start(t, stacktest.Config{SelfSubscribe: true, Env: []string{"LOG_LEVEL=info"}})}
	e.keepPages()
	e.oneAppForAll()
	t.Log("  apps  round  looked at  bytes logged  bytes answered  seconds here  CPU seconds  peak, cold  peak, warm")
	for _, apps := range []int{100, 1000, 10_000, 40_000} {
		e.grow(apps)
		e.whole()
		e.short()
	}
}

// anApp is the path of an app's config vars.
var anApp = regexp.MustCompile(`^/apps/app-\d+/`)

// everyApp is what Heroku shows of each app: 31 config vars.
var everyApp = func() map[string]*string {
	vars := map[string]*string{"DATABASE_URL": aws.String("postgres://u:pEXAMPLE@db.example:5432/d")}
	for i := range 30 {
		vars[fmt.Sprint("CONFIG_VAR_", i)] = aws.String(strings.Repeat("x", 60))
	}
	return vars
}()

// oneAppForAll gives the same answer for each app: the poller sees nothing else of an app.
func (e *estate) oneAppForAll() {
	e.t.Helper()
	e.Heroku.CreateApp("shop")
	_, err := e.Platform.ConfigVarUpdate(e.t.Context(), "shop", everyApp)
	e.must(err)
	e.Heroku.Wrap(func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.URL.Path = anApp.ReplaceAllString(r.URL.Path, "/apps/shop/")
			next.ServeHTTP(w, r)
		})
	})
}

// keepPages makes the server keep the pages of its list. Otherwise it would sort the list
// for each of 400 pages.
func (e *estate) keepPages() {
	e.Secrets.Intercept(func(c secretstest.Call) secretstest.Fault {
		if c.Action == "ListSecrets" {
			return e.page
		}
		return nil
	})
}

func (e *estate) page(w http.ResponseWriter, r *http.Request, work http.Handler) {
	// An answer that comes before the SDK has finished sending makes it try again
	// (https://github.com/aws/aws-sdk-go-v2/issues/2737); AWS is never that fast.
	time.Sleep(time.Millisecond)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.next == len(e.pages) {
		answer := httptest.NewRecorder()
		work.ServeHTTP(answer, r)
		e.pages = append(e.pages, answer.Body.Bytes())
	}
	page := e.pages[e.next]
	if e.next++; !bytes.Contains(page, []byte(`"NextToken"`)) {
		e.next = 0
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Write(page) // the client may be gone
}

// grow adds apps, each with a secret that is equal. Package reconcile fills them here in
// the test, because the poller would keep to its pace.
func (e *estate) grow(apps int) {
	e.t.Helper()
	manager := secrets.Manager{Client: e.AWS}
	filler := &reconcile.Reconciler{Secrets: manager, Heroku: func(string) reconcile.Heroku { return shown{} }, Keys: shown{}}
	var wg sync.WaitGroup
	free := make(chan struct{}, 8)
	for ; e.apps < apps; e.apps++ {
		app := fmt.Sprintf("app-%05d", e.apps)
		free <- struct{}{}
		wg.Go(func() {
			defer func() { <-free }()
			arn, err := e.Bind(e.t.Context(), app, "heroku/"+app+"/DATABASE_URL", "heroku:verify=off")
			if err != nil {
				e.t.Error(err)
				return
			}
			b := reconcile.Binding{Secret: reconcile.Secret{ARN: arn}, Source: reconcile.Source{App: app}}
			for _, r := range filler.Update(e.t.Context(), []reconcile.Binding{b}) {
				if r.Outcome != reconcile.Published {
					e.t.Errorf("%s: %v", r.Outcome, r.Err)
				}
			}
		})
	}
	wg.Wait()
	e.mu.Lock()
	e.pages, e.next = nil, 0
	e.mu.Unlock()
	if list, err := manager.List(e.t.Context()); len(list) != apps {
		e.t.Fatalf("%d apps, and %d secrets in the list: %v", apps, len(list), err)
	}
}

// shown is Heroku, and the signing keys, for grow.
type shown struct{}

func (shown) Spare() bool { return true }

func (shown) ConfigVars(context.Context, string) (map[string]credential.Value, error) {
	return map[string]credential.Value{"DATABASE_URL": credential.New(*everyApp["DATABASE_URL"])}, nil
}

func (shown) Credentials(context.Context, string) (map[string]reconcile.Credential, error) {
	return nil, nil
}

func (shown) Released(context.Context, string) (time.Time, error) { return time.Time{}, nil }

func (shown) Values(context.Context) ([]credential.Value, error) {
	return []credential.Value{credential.New(stacktest.SigningKey)}, nil
}

func (s shown) Renew(ctx context.Context, _ []credential.Value) ([]credential.Value, error) {
	return s.Values(ctx)
}

// whole makes rounds that check every app: a cold one, and then warm ones.
func (e *estate) whole() {
	e.t.Helper()
	e.Poller.Kill()
	e.Heroku.SetRateLimit(1 << 30)
	cold := e.round(startup, e.apps, e.apps)
	var last round
	for range warm {
		last = e.round(0, e.apps, e.apps)
	}
	last.cpu = (last.cpu - cold.cpu) / warm
	e.t.Logf("%6d  whole  %s  %10s  %10s", e.apps, last, mib(cold.peak), mib(last.peak))
}

// short makes a cold round with a minute's requests of one account. A warm one would
// know that the minute has not gone by.
func (e *estate) short() {
	e.t.Helper()
	e.Poller.Kill()
	e.Heroku.SetRateLimit(reserve + perMinute)
	r := e.round(startup, min(e.apps, perMinute), min(e.apps, perMinute+overshoot))
	e.t.Logf("%6d  short  %s  %10s", e.apps, r, mib(r.peak))
}

// round is the cost of one poll.
type round struct {
	looked           int
	logged, answered int // bytes
	took             time.Duration
	cpu              time.Duration // of the process so far
	peak             int           // of the process so far, in bytes
}

func (r round) String() string {
	return fmt.Sprintf("%9d  %12d  %14d  %12.1f  %11.2f", r.looked, r.logged, r.answered, r.took.Seconds(), r.cpu.Seconds())
}

// round polls. It fails the test unless the calls are one ListSecrets for every hundred
// secrets, one call to Heroku for each checked app, the values that are read at the
// start, and one of each for an app whose subscription has its daily check.
func (e *estate) round(values, least, most int) (r round) {
	e.t.Helper()
	e.Secrets.ResetCalls()
	e.Heroku.ResetCalls()
	before, began := len(e.Poller.Logs()), time.Now()
	answer, err := e.Poller.Invoke(e.t.Context(), []byte("{}"))
	if err != nil {
		e.t.Errorf("%d apps: %v", e.apps, err)
		return r
	}
	r.took, r.answered = time.Since(began), len(answer)
	r.cpu, r.peak = e.cpu(), e.peak()
	r.logged = len(e.Poller.Logs()) - before
	heroku, checks := e.Heroku.Calls(), e.Heroku.Calls()["GET /apps/{app}/webhooks"]
	if r.looked = heroku[configVars]; r.looked < least || r.looked > most {
		e.t.Errorf("%d apps: calls of Heroku: %v, want from %d to %d reads of config vars", e.apps, heroku, least, most)
	}
	want := map[string]int{"ListSecrets": (e.apps + 99) / 100}
	if values+checks > 0 {
		want["GetSecretValue"] = values + checks
	}
	if got := e.Secrets.Calls(); !maps.Equal(got, want) {
		e.t.Errorf("%d apps: calls of Secrets Manager: %v, want %v", e.apps, got, want)
	}
	return r
}

// peak is the most memory that the poller's process has ever had resident, in bytes.
func (e *estate) peak() int {
	e.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", e.Poller.Pids()[0]))
	e.must(err)
	_, peak, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(peak)[0])
	e.must(err)
	return kib << 10
}

// cpu is the time that the poller's process has had of the processors.
func (e *estate) cpu() (used time.Duration) {
	e.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", e.Poller.Pids()[0]))
	e.must(err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	for _, ticks := range fields[11:13] { // user and system, in hundredths of a second (proc_pid_stat(5))
		n, err := strconv.Atoi(ticks)
		e.must(err)
		used += time.Duration(n) * time.Second / 100
	}
	return used
}
