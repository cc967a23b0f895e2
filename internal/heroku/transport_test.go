package heroku_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/heroku"
)

// door is a listener that counts its connections and closes the first few at once.
type door struct {
	net.Listener
	came, shut atomic.Int32
	arrivals   chan struct{} // one for each who comes
}

func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		n := d.came.Add(1)
		d.arrivals <- struct{}{}
		if n > d.shut.Load() {
			return conn, nil
		}
		conn.Close()
	}
}

// wait waits until the next one has come.
func (d *door) wait(t *testing.T) {
	t.Helper()
	select {
	case <-d.arrivals:
	case <-time.After(10 * time.Second):
		t.Fatal("nothing is opened before a request is made")
	}
}

// secureFixture is an API with TLS, and a transport that trusts it.
func secureFixture(t *testing.T) (string, *heroku.Transport, *door) {
	t.Helper()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.Proto) }))
	d := &door{Listener: server.Listener, arrivals: make(chan struct{}, 10)}
	server.Listener = d
	server.EnableHTTP2 = true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := heroku.NewTransport(server.URL)
	transport.Trust(server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	t.Cleanup(transport.CloseIdleConnections)
	return server.URL, transport, d
}

func get(t *testing.T, transport *heroku.Transport, url string) (proto string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestAConnectionThatWasWarmedUpIsUsed(t *testing.T) {
	t.Parallel()
	url, transport, door := secureFixture(t)
	transport.WarmUp()
	door.wait(t)
	if proto := get(t, transport, url); proto != "HTTP/2.0" {
		t.Errorf("it speaks %s", proto)
	}
	get(t, transport, url)
	if n := door.came.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAfterAFailedWarmUpTheConnectionIsOpenedWhenItIsNeeded(t *testing.T) {
	t.Parallel()
	url, transport, door := secureFixture(t)
	door.shut.Store(1)
	transport.WarmUp()
	door.wait(t)
	if proto := get(t, transport, url); proto != "HTTP/2.0" || door.came.Load() != 2 {
		t.Errorf("it speaks %s over connection %d", proto, door.came.Load())
	}
}

func TestThereIsNoWarmUpWithAProxyOrWithoutTLS(t *testing.T) {
	t.Parallel()
	for _, api := range []string{"http://127.0.0.1:1", "::", ""} {
		transport := heroku.NewTransport(api)
		transport.WarmUp()
		if transport.IsWarm() {
			t.Errorf("a connection to %q is opened", api)
		}
	}
	transport := heroku.NewTransport("https://heroku.example")
	transport.Behind(&url.URL{Scheme: "http", Host: "127.0.0.1:1"})
	transport.WarmUp()
	if transport.IsWarm() {
		t.Error("a connection is opened past the proxy")
	}
}

// Heroku may have closed the connection.
func TestAConnectionThatWasNotUsedInTimeIsOpenedAnew(t *testing.T) {
	t.Parallel()
	url, transport, door := secureFixture(t)
	transport.WarmUp()
	door.wait(t)
	transport.Age(time.Minute)
	if proto := get(t, transport, url); proto != "HTTP/2.0" || door.came.Load() != 2 {
		t.Errorf("it speaks %s over connection %d", proto, door.came.Load())
	}
}

func TestAWarmUpThatHangsDelaysOneRequestAtMost(t *testing.T) {
	t.Parallel()
	url, transport, door := secureFixture(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	_, port, _ := net.SplitHostPort(silent.Addr().String())
	transport.WarmUpAt("127.0.0.1:" + port)
	ctx, cancel := context.WithCancel(t.Context())
	waiting := make(chan struct{})
	go func() {
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if resp, err := transport.RoundTrip(req); err == nil { // it may get the other one's connection
			resp.Body.Close()
		}
		close(waiting)
	}()
	for transport.IsWarm() { // until the first request has taken it
		runtime.Gosched()
	}
	get(t, transport, url)
	door.wait(t)
	cancel()
	<-waiting
}

// mute is a connection of a server that can fall silent, as one behind a dead NAT does.
type mute struct {
	net.Conn
	silent *atomic.Bool
}

func (m mute) Write(p []byte) (int, error) {
	if m.silent.Load() {
		return len(p), nil
	}
	return m.Conn.Write(p)
}

type mutes struct {
	net.Listener
	first atomic.Bool // of the first connection
	came  atomic.Int32
}

func (l *mutes) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil || l.came.Add(1) > 1 {
		return conn, err
	}
	return mute{conn, &l.first}, nil
}

// All requests share a connection of HTTP/2, a second try too.
func TestADeadConnectionIsLeft(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "{}") }))
	listener := &mutes{Listener: server.Listener}
	server.Listener, server.EnableHTTP2 = listener, true
	server.StartTLS()
	t.Cleanup(server.Close)
	transport := heroku.NewTransport(server.URL)
	transport.Trust(server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs)
	t.Cleanup(transport.CloseIdleConnections)
	api := &heroku.API{URL: server.URL, Transport: transport, Tokens: &credential.Ring{Read: func(context.Context) ([]credential.Value, error) {
		return []credential.Value{credential.New("token-EXAMPLE")}, nil
	}}}
	if _, err := api.ConfigVars(t.Context(), "shop"); err != nil {
		t.Fatal(err)
	}
	listener.first.Store(true)
	var requests sync.WaitGroup
	for range 8 {
		requests.Go(func() {
			if _, err := api.ConfigVars(t.Context(), "shop"); err != nil {
				t.Error(err)
			}
		})
	}
	requests.Wait()
	if listener.came.Load() < 2 {
		t.Error("all were made over the dead connection")
	}
}
