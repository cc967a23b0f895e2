package history

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anishathalye/porcupine"

	"keepcurrent.example/internal/testserver/secretstest"
)

const current = "AWSCURRENT"

// A recorder stands in front of Secrets Manager and writes down each call that
// concerns AWSCURRENT. The path of a request is the number of its client.
type recorder struct {
	aws     *secretstest.Server
	weather *weather
	began   time.Time
	late    sync.WaitGroup // requests whose clients are gone

	serial atomic.Int64 // of the versions of another writer

	mu         sync.Mutex
	contents   map[string]register // by version
	operations []porcupine.Operation
	tally      tally
	odd        []string
}

// A tally counts the events that a storm waits for.
type tally struct {
	calls            int
	swapped, refused int
	lost             int // calls without an answer that may have moved the register
}

// covers reports whether there is at least as much of everything.
func (t tally) covers(least tally) bool {
	return t.calls >= least.calls && t.swapped >= least.swapped && t.refused >= least.refused && t.lost >= least.lost
}

// newRecorder puts a recorder before an empty Secrets Manager. There each call
// takes an hour: a secret may get no more than 100 versions a day.
func newRecorder(w *weather) *recorder {
	rec := &recorder{aws: secretstest.New(), weather: w, began: time.Now(), contents: make(map[string]register)}
	var hours atomic.Int64
	rec.aws.SetNow(func() time.Time { return rec.began.Add(time.Duration(hours.Add(1)) * time.Hour) })
	return rec
}

// now is the time of a monotonic clock.
func (rec *recorder) now() int64 { return time.Since(rec.began).Nanoseconds() }

func (rec *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	began := rec.now()
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return
	}
	work := func() *httptest.ResponseRecorder { return rec.work(r, body) }
	c, concerned := rec.call(action(r), body)
	if !concerned {
		replay(w, work())
		return
	}
	op := porcupine.Operation{Input: c, Call: began, Return: forever, Output: answer{Lost: true}}
	op.ClientId, _ = strconv.Atoi(strings.Trim(r.URL.Path, "/"))
	if fate := rec.weather.fate(); fate != answered {
		rec.lose(op, fate, w, r, work)
		return
	}
	done := work()
	op.Output, op.Return = rec.answer(c, done), rec.now()
	rec.add(op)
	replay(w, done)
}

// work has the request carried out, in its own time.
func (rec *recorder) work(r *http.Request, body []byte) *httptest.ResponseRecorder {
	done := httptest.NewRecorder()
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec.weather.delay()
	rec.aws.ServeHTTP(done, r)
	rec.weather.delay()
	return done
}

func action(r *http.Request) string {
	return strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "secretsmanager.")
}

// lose breaks the connection off, and carries the request out before, after or not at all.
func (rec *recorder) lose(op porcupine.Operation, fate fate, w http.ResponseWriter, r *http.Request, work func() *httptest.ResponseRecorder) {
	if op.Input.(call).Kind != read { // a read without an answer proves nothing
		rec.add(op)
	}
	rec.late.Add(1)
	defer rec.late.Done()
	if fate == answerLost {
		work()
	}
	secretstest.Reset(w, r, nil)
	if fate == requestLate {
		work()
	}
}

func replay(w http.ResponseWriter, done *httptest.ResponseRecorder) {
	w.Header().Set("Content-Type", done.Header().Get("Content-Type"))
	w.WriteHeader(done.Code)
	_, _ = w.Write(done.Body.Bytes())
}

func (rec *recorder) add(op porcupine.Operation) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.operations = append(rec.operations, op)
	rec.tally.calls++
	c, a := op.Input.(call), op.Output.(answer)
	switch {
	case a.Lost:
		rec.tally.lost++
	case c.Kind == swap && a.Moved:
		rec.tally.swapped++
	case c.Kind == swap:
		rec.tally.refused++
	}
}

// counted returns what was recorded so far.
func (rec *recorder) counted() tally {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.tally
}

// call reads a request; it does not concern the register if it is another one.
func (rec *recorder) call(action string, body []byte) (c call, concerned bool) {
	var in struct {
		SecretId, ClientRequestToken, SecretString string
		VersionId                                  string
		MoveToVersionId, RemoveFromVersionId       string
		VersionStages                              []string
	}
	if json.Unmarshal(body, &in) != nil {
		return c, false
	}
	rec.mu.Lock()
	defer rec.mu.Unlock()
	c.Secret = in.SecretId
	switch action {
	case "DescribeSecret", "GetSecretValue":
		c.Kind, c.From = read, in.VersionId
	case "PutSecretValue":
		c.Kind, c.To = put, in.ClientRequestToken
		if len(in.VersionStages) > 0 {
			c.Kind = stage
		}
		rec.contents[c.To] = registerOf(in.SecretString)
	case "UpdateSecretVersionStage":
		c.Kind, c.To, c.From = swap, in.MoveToVersionId, in.RemoveFromVersionId
	default:
		return c, false
	}
	there := rec.contents[c.To]
	c.Epoch, c.Follower, c.Count = there.Epoch, there.Follower, there.Count
	return c, true
}

// answer reads the answer to a call. One that the model does not know is odd.
func (rec *recorder) answer(c call, done *httptest.ResponseRecorder) answer {
	var out struct {
		Error                   string `json:"__type"`
		VersionId, SecretString string
		VersionStages           []string
		VersionIdsToStages      map[string][]string
	}
	err := json.Unmarshal(done.Body.Bytes(), &out)
	switch {
	case err == nil && out.Error == "":
	case c.Kind == swap && out.Error == "InvalidParameterException":
		return answer{}
	case c.Kind == read && c.From != "" && (out.Error == "InvalidRequestException" || out.Error == "ResourceNotFoundException"):
		return answer{Refused: true} // another version has AWSCURRENT, or this one was removed
	case c.Kind == read && out.Error == "ResourceNotFoundException":
		return answer{} // no version yet
	default:
		rec.mu.Lock()
		defer rec.mu.Unlock()
		rec.odd = append(rec.odd, fmt.Sprintf("%s: %d %s", c.Kind, done.Code, done.Body))
	}
	if c.Kind != read {
		return answer{Moved: c.Kind == swap || slices.Contains(out.VersionStages, current)}
	}
	for version, labels := range out.VersionIdsToStages {
		if slices.Contains(labels, current) {
			return answer{Version: version, Epoch: rec.epoch(version)}
		}
	}
	return answer{Version: out.VersionId, Epoch: epochOf(out.SecretString)}
}

func (rec *recorder) epoch(version string) int {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	return rec.contents[version].Epoch
}

// Where a URL carries its place in Heroku's sequence, and where another writer counts.
var (
	number   = regexp.MustCompile(`pEXAMPLE(\d+)@db\.`)
	follower = regexp.MustCompile(`pEXAMPLE(\d+)@follower\.`)
	counter  = regexp.MustCompile(`"count":(\d+)`)
)

func url(epoch int) string { return fmt.Sprintf("postgres://u1:pEXAMPLE%d@db.example:5432/d1", epoch) }

// epochOf returns the number of the URL in a value, 0 if there is none.
func epochOf(value string) int { return numberIn(value, number) }

func numberIn(value string, where *regexp.Regexp) int {
	found := where.FindStringSubmatch(value)
	if found == nil {
		return 0
	}
	n, _ := strconv.Atoi(found[1])
	return n
}

// registerOf returns what a value would make of a register.
func registerOf(value string) register {
	return register{Epoch: epochOf(value), Follower: numberIn(value, follower), Count: numberIn(value, counter)}
}
