package postgrestest

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"sync"

	"keepcurrent.example/internal/testserver/loopback"
)

// forwarder is the address at which one database is reached. It passes every
// connection on to the server and can refuse them, or move.
type forwarder struct {
	server string
	tls    *tls.Config // nil: TLS is the server's affair and passes untouched

	mu      sync.Mutex
	address *net.TCPAddr
	hangUp  func()   // stops listening and cuts every connection; nil: refusing
	held    []func() // give back the addresses that must go on refusing

	hook   sync.Mutex // held while choose runs
	choose func() Fault
}

// newForwarder opens a forwarder on 127.0.0.1.
func newForwarder(server string, tlsConfig *tls.Config) (*forwarder, error) {
	f := &forwarder{server: server, tls: tlsConfig}
	listener, err := loopback.Listen(net.IPv4(127, 0, 0, 1))
	if err != nil {
		return nil, fmt.Errorf("listen for a database: %w", err)
	}
	f.open(listener)
	return f, nil
}

// host is the address as it stands in a URL.
func (f *forwarder) host() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address.String()
}

// open makes a listener the forwarder's address. The caller holds f.mu, or is the only
// one with access to f.
func (f *forwarder) open(listener *net.TCPListener) {
	f.address = listener.Addr().(*net.TCPAddr)
	f.hangUp = f.listen(listener)
}

// listen forwards the connections of a listener until the returned function is called.
// That function returns when all of them have ended.
func (f *forwarder) listen(listener net.Listener) (hangUp func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var tasks sync.WaitGroup
	tasks.Go(func() {
		defer listener.Close()
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			tasks.Go(func() { f.forward(ctx, client) })
		}
	})
	return func() {
		listener.Close()
		cancel()
		tasks.Wait()
	}
}

// forward serves one connection until it ends or the context does.
func (f *forwarder) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	defer context.AfterFunc(ctx, func() { client.Close() })()
	serve := func(client net.Conn) { f.serve(ctx, client) }
	if fault := f.fault(); fault != nil {
		fault(client, serve)
		return
	}
	serve(client)
}

// serve passes a connection on to the server.
func (f *forwarder) serve(ctx context.Context, client net.Conn) {
	inner, greeting, err := f.greet(client)
	if err != nil {
		return
	}
	server, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", f.server)
	if err != nil {
		return
	}
	defer server.Close()
	defer context.AfterFunc(ctx, func() { server.Close() })()
	if _, err := server.Write(greeting); err != nil {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { pump(inner, server) })
	pump(server, inner)
	back.Wait()
}

// pump copies one direction of a connection. It passes the end of the direction on, so
// that the other one can finish; an error ends both.
func pump(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	to.(interface{ CloseWrite() error }).CloseWrite() // *net.TCPConn and *tls.Conn have it
}

// refuse makes the address refuse connections and cuts those that are open.
func (f *forwarder) refuse() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.retire()
}

// retire is refuse without the lock. The caller holds f.mu.
func (f *forwarder) retire() error {
	if f.hangUp == nil {
		return nil
	}
	f.hangUp()
	f.hangUp = nil
	release, err := hold(f.address)
	if err != nil {
		return fmt.Errorf("hold the address %s: %w", f.address, err)
	}
	f.held = append(f.held, release)
	return nil
}

// accept takes connections again at the address that refused them.
func (f *forwarder) accept() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hangUp != nil {
		return nil
	}
	if last := len(f.held) - 1; last >= 0 {
		f.held[last]()
		f.held = f.held[:last]
	}
	listener, err := net.ListenTCP("tcp", f.address)
	if err != nil {
		return fmt.Errorf("listen for a database again: %w", err)
	}
	f.open(listener)
	return nil
}

// move goes to another address; the old one refuses from now on.
func (f *forwarder) move() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	next, err := loopback.Listen(neighbour(f.address.IP))
	if err != nil { // macOS has 127.0.0.1 alone
		next, err = loopback.Listen(net.IPv4(127, 0, 0, 1))
	}
	if err != nil {
		return fmt.Errorf("listen at another address: %w", err)
	}
	if err := f.retire(); err != nil {
		next.Close()
		return err
	}
	f.open(next)
	return nil
}

// neighbour returns the next loopback address; .1 follows .254.
func neighbour(ip net.IP) net.IP {
	last := ip.To4()[3]
	return net.IPv4(127, 0, 0, last%254+1)
}

// close ends every connection and gives all addresses back.
func (f *forwarder) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.hangUp != nil {
		f.hangUp()
		f.hangUp = nil
	}
	for _, release := range f.held {
		release()
	}
	f.held = nil
}
