package herokutest

import (
	"context"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A Server is a Heroku with one account. Make it with [NewServer] and end it with Close.
type Server struct {
	// URL is the base address of the API, http://127.0.0.1:PORT, without a
	// slash at the end.
	URL string

	mux    *http.ServeMux
	http   *http.Server
	client *http.Client // delivers webhooks
	ctx    context.Context
	stop   context.CancelFunc
	busy   sync.WaitGroup // one for each request in hand and each queue being delivered

	mu             sync.Mutex // guards all that follows, and the fields of every App, AddOn and webhook
	closed         bool
	token          string
	authorizations []authorization // that users made through the API
	requests       int             // that the account may still make
	calls          map[string]int
	layers         []*layer
	handler        http.Handler
	violations     []string
	credentials    []string
	apps           []*App
	newDatabase    func() (Database, error)
	shown          map[*App]map[string]*string // config vars that are held, by app
	policy         Policy
	held           bool          // events are queued, and not delivered
	rested         chan struct{} // closed and replaced when a queue is no longer worked on
}

// A layer is one middleware in front of the API. It is a pointer, so that it can be
// found and removed again.
type layer struct {
	wrap func(next http.Handler) http.Handler
}

// NewServer starts a Heroku with no apps, on a free port of the loopback. It
// fails if heroku-go's copy of the schema cannot be found (it asks the go
// command, so the process must run inside a module that requires heroku-go) or
// if no port can be had.
func NewServer() (*Server, error) {
	schema, err := published()
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen for the Heroku API: %w", err)
	}
	s := &Server{
		URL:      "http://" + listener.Addr().String(),
		client:   deliveryClient(),
		requests: 4500,
		calls:    map[string]int{},
		rested:   make(chan struct{}),
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.mux = s.routes(schema)
	s.handler = http.HandlerFunc(s.api)
	s.RotateToken()
	s.serve(listener)
	return s, nil
}

func (s *Server) serve(listener net.Listener) {
	s.http = &http.Server{
		Handler:           http.HandlerFunc(s.count),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       time.Minute,
		BaseContext:       func(net.Listener) context.Context { return s.ctx },
		ErrorLog:          log.New(io.Discard, "", 0), // connections are dropped on purpose here
	}
	s.busy.Go(func() { _ = s.http.Serve(listener) })
}

// Close ends the server: requests in hand are cut, deliveries still queued are
// lost. It returns when nothing of it runs any more.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.stop()
	_ = s.http.Close()
	s.busy.Wait()
	s.client.CloseIdleConnections()
}

// Token returns the current API token.
func (s *Server) Token() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token
}

// RotateToken replaces the API token and returns the new one. The old one is
// answered 401 from now on.
func (s *Server) RotateToken() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = newToken()
	s.remember(s.token)
	return s.token
}

// SetRateLimit gives the account that many requests. The limit belongs to the account,
// so a new token has the same one.
func (s *Server) SetRateLimit(requests int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = requests
}

// Calls counts the requests that have come in, by route, such as "GET
// /apps/{app}/config-vars". Requests that a fault answered count; requests that
// match no route count as "/".
func (s *Server) Calls() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.calls)
}

// ResetCalls sets the counts of [Server.Calls] to zero.
func (s *Server) ResetCalls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.calls)
}

// Violations returns where a body did not follow Heroku's schema, in requests of a
// client and in answers of the server itself. Each names the route, the place in the body
// and the rule, never a value. A test that is not about violations should require that
// there is none.
func (s *Server) Violations() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.violations)
}

// Credentials lists every credential that the server has made or was given,
// oldest first: API tokens, webhook secrets, and every config var value that is
// a URL with a password, with the password on its own too. A test can search its
// logs for them.
func (s *Server) Credentials() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.credentials)
}

// remember notes credentials. The caller holds s.mu.
func (s *Server) remember(credentials ...string) {
	for _, c := range credentials {
		if c != "" && !slices.Contains(s.credentials, c) {
			s.credentials = append(s.credentials, c)
		}
	}
}

// Wrap puts a middleware in front of the API, before the checks of token and schema,
// until the returned function is called. A later middleware runs before an earlier one.
// The faults of this package are such middlewares.
func (s *Server) Wrap(middleware func(next http.Handler) http.Handler) (unwrap func()) {
	l := &layer{middleware}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stack(append(s.layers, l))
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.stack(slices.DeleteFunc(slices.Clone(s.layers), func(other *layer) bool { return other == l }))
	}
}

func (s *Server) stack(layers []*layer) {
	s.layers = layers
	s.handler = http.HandlerFunc(s.api)
	for _, l := range layers {
		s.handler = l.wrap(s.handler)
	}
}

// count is the outermost handler. It counts the request and calls the layers.
func (s *Server) count(w http.ResponseWriter, r *http.Request) {
	_, pattern := s.mux.Handler(r)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		panic(http.ErrAbortHandler)
	}
	s.busy.Add(1)
	s.calls[pattern]++
	handler := s.handler
	s.mu.Unlock()
	defer s.busy.Done()
	handler.ServeHTTP(w, r)
}
