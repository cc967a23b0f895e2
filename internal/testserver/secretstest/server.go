package secretstest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

const (
	maxBody     = 1 << 20
	contentType = "application/x-amz-json-1.1"
	target      = "secretsmanager."
)

// A Server is a Secrets Manager of one account and one region, empty at first.
// It is an [http.Handler] and safe for use by several goroutines.
type Server struct {
	// URL is the address, such as http://127.0.0.1:41234; empty for a server made by New.
	URL string

	stop func()

	mu    sync.Mutex // guards what follows
	store store
	calls map[string]int
	// served are the calls without a fault, by the id that a client gives to all tries of one.
	served map[string]bool

	hook      sync.Mutex // held while intercept runs
	intercept func(Call) Fault
}

// New returns a Server that does not listen: mount it as a handler.
func New() *Server {
	return &Server{stop: func() {}, store: newStore(), calls: map[string]int{}, served: map[string]bool{}}
}

// NewServer returns a Server that listens on a free port of the loopback
// interface. The caller must Close it. Like [httptest.NewServer], it panics if it
// cannot listen.
func NewServer() *Server {
	s := New()
	ctx, cancel := context.WithCancel(context.Background())
	listener := httptest.NewUnstartedServer(s)
	listener.Config.ReadHeaderTimeout = 10 * time.Second
	listener.Config.BaseContext = func(net.Listener) context.Context { return ctx }
	listener.Start()
	s.URL = listener.URL
	s.stop = func() {
		cancel() // ends the requests that a fault delays
		listener.CloseClientConnections()
		listener.Close()
	}
	return s
}

// Close stops listening, breaks off the requests under way and waits until their
// handlers have returned.
func (s *Server) Close() { s.stop() }

// SetNow sets the clock, which is [time.Now] otherwise. It tells the age of
// versions and the lag of lists.
func (s *Server) SetNow(now func() time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.now = now
}

// SetListLag sets the time until ListSecrets shows a change, 0 at first. A secret that
// is deleted by force leaves the list at once. AWS says that the list may lag by five
// minutes:
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_ListSecrets.html
func (s *Server) SetListLag(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.store.list.lag = d
}

// Calls returns how often each action was called since the start or the last ResetCalls,
// such as "GetSecretValue": 3. A client on a busy machine may repeat a call because the answer
// is late: the tries of one call count once. Tries that a fault answered all count.
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls sets all counts to zero.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
	clear(s.served)
}

// ServeHTTP answers one request of the AWS JSON 1.1 protocol:
// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, body, err := accept(w, r)
	if err != nil {
		writeError(w, err)
		return
	}
	work := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { s.work(w, name, body) })
	fault := s.fault(newCall(name, body))
	s.count(name, r.Header.Get("Amz-Sdk-Invocation-Id"), fault != nil)
	if fault != nil {
		fault(w, r, work)
		return
	}
	work(w, r)
}

// accept reads the action's name and its parameters, which are JSON.
func accept(w http.ResponseWriter, r *http.Request) (name string, body []byte, err error) {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ") {
		return "", nil, errNotSigned
	}
	name, ours := strings.CutPrefix(r.Header.Get("X-Amz-Target"), target)
	if !ours || actions[name] == nil {
		return "", nil, refuse(unknownOperation, "secretstest has no such action.")
	}
	body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return "", nil, refuse(serializationError, "Reading the request: %v.", err)
	}
	return name, body, nil
}

func (s *Server) work(w http.ResponseWriter, name string, body []byte) {
	s.mu.Lock()
	answer, err := actions[name](&s.store, body)
	s.mu.Unlock()
	if err != nil {
		writeError(w, err)
		return
	}
	write(w, http.StatusOK, answer)
}

func (s *Server) count(name, id string, hasFault bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.served[id] && !hasFault {
		return
	}
	s.calls[name]++
	s.served[id] = id != "" && !hasFault
}

func writeError(w http.ResponseWriter, err error) {
	r := err.(*refusal) // every error of this package is one
	w.Header().Set("X-Amzn-Errortype", r.kind)
	// AWS spells Message with a capital (recorded), unlike most JSON 1.1 services.
	write(w, r.status, map[string]string{"__type": r.kind, "Message": r.message})
}

func write(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-Requestid", rand.Text())
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // the client may be gone
}
