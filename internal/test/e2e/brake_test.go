package e2e_test

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
)

// The moments when a function is killed.
const (
	before = "before"      // the request has arrived and is not carried out
	after  = "after"       // it has been carried out and the answer never arrives
	late   = "before late" // it is carried out when the next run has long been done
)

// A brake stops a function at one call, so that it can be killed there.
type brake struct {
	reached chan struct{} // closed when the function is there
	release func()        // lets a request that is late be carried out, and waits for that

	reach    func()
	released chan struct{}
	working  sync.WaitGroup
}

func newBrake() *brake {
	b := &brake{reached: make(chan struct{}), released: make(chan struct{})}
	b.reach = sync.OnceFunc(func() { close(b.reached) })
	b.release = sync.OnceFunc(func() {
		close(b.released)
		b.working.Wait()
	})
	return b
}

// at returns the trouble that stops any kind of call: the call waits until its client is
// gone.
func (b *brake) at(bench *bench, when string) trouble {
	stop := func(w http.ResponseWriter, r *http.Request, work http.Handler) {
		b.working.Add(1)
		defer b.working.Done()
		unseen := httptest.NewRecorder()
		if when == after {
			work.ServeHTTP(unseen, r)
		}
		b.reach()
		<-r.Context().Done()
		if when == late {
			<-b.released
			work.ServeHTTP(unseen, r)
		}
		panic(http.ErrAbortHandler)
	}
	stopLogin := func(client net.Conn, _ func(net.Conn)) {
		b.reach()
		_, _ = io.Copy(io.Discard, client) // ends with the client
	}
	tr := trouble{aws: stop, login: stopLogin, heroku: func(api http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stop(w, r, api) })
	}}
	if when == after {
		tr.login = bench.db.AfterLogin(stopLogin)
	}
	return tr
}
