package main

import (
	"net"
	"sync"
	"time"
)

// line is the network path to a server: every byte is late by half a round trip, and the
// first bytes of a client by one more, in which the connection would have been opened.
type line struct {
	listener net.Listener
	server   string
	trip     time.Duration
	tasks    sync.WaitGroup

	mu   sync.Mutex // guards what follows
	open map[net.Conn]bool
}

// newLine opens a line to the server at an address.
func newLine(server string, trip time.Duration) (*line, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &line{listener: listener, server: server, trip: trip, open: make(map[net.Conn]bool)}
	l.tasks.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			l.tasks.Go(func() { l.carry(client) })
		}
	})
	return l, nil
}

func (l *line) address() string { return l.listener.Addr().String() }

// carry serves one connection until both of its directions have ended.
func (l *line) carry(client net.Conn) {
	server, err := net.Dial("tcp", l.server)
	if err != nil {
		client.Close()
		return
	}
	if !l.hold(client, server) {
		return
	}
	defer l.drop(client, server)
	opened := time.Now().Add(l.trip)
	var back sync.WaitGroup
	back.Go(func() { late(client, server, l.trip/2, time.Time{}) })
	late(server, client, l.trip/2, opened)
	back.Wait()
}

// late copies one direction: nothing leaves before opened, and each byte arrives that
// much later.
func late(to, from net.Conn, by time.Duration, opened time.Time) {
	underway := make(chan parcel, 1024)
	go receive(from, by, opened, underway)
	for p := range underway {
		time.Sleep(time.Until(p.due))
		if _, err := to.Write(p.bytes); err != nil {
			from.Close() // ends the reader, and what it still brings is lost
		}
	}
	to.(interface{ CloseWrite() error }).CloseWrite()
}

// parcel is what was read at once, and when it is to arrive.
type parcel struct {
	due   time.Time
	bytes []byte
}

// receive sends what it reads on its way, until there is no more.
func receive(from net.Conn, by time.Duration, opened time.Time, underway chan<- parcel) {
	defer close(underway)
	for {
		buffer := make([]byte, 32<<10)
		n, err := from.Read(buffer)
		if n > 0 {
			sent := time.Now()
			if sent.Before(opened) {
				sent = opened
			}
			underway <- parcel{sent.Add(by), buffer[:n]}
		}
		if err != nil {
			return
		}
	}
}

// hold records connections, or closes them if the line has ended.
func (l *line) hold(conns ...net.Conn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		if l.open == nil {
			c.Close()
			continue
		}
		l.open[c] = true
	}
	return l.open != nil
}

func (l *line) drop(conns ...net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range conns {
		delete(l.open, c)
		c.Close()
	}
}

// cut ends the open connections; new ones are accepted.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.open {
		c.Close()
	}
}

// Close ends the line; nothing of it is left when it returns.
func (l *line) Close() error {
	err := l.listener.Close()
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range open {
		c.Close()
	}
	l.tasks.Wait()
	return err
}
