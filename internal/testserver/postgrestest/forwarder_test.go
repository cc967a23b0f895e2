package postgrestest

import (
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"keepcurrent.example/internal/testserver/certificate"
	"keepcurrent.example/internal/testserver/loopback"
)

// serve runs one server of a kind on a loopback address.
func serve(t *testing.T, each func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			each(conn)
			conn.Close()
		}
	}()
	return listener.Addr().String()
}

// dial opens a connection through a forwarder to a server.
func dial(t *testing.T, server string, config *tls.Config) *net.TCPConn {
	t.Helper()
	f, err := newForwarder(server, config)
	must(t, err)
	t.Cleanup(f.close)
	conn, err := net.Dial("tcp", f.host())
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	return conn.(*net.TCPConn)
}

func TestForwarderPassesTheEndOfOneDirectionOn(t *testing.T) {
	t.Parallel()
	conn := dial(t, serve(t, func(conn net.Conn) {
		heard, _ := io.ReadAll(conn)
		conn.Write(append(heard, " yourself"...))
	}), nil)
	_, err := conn.Write([]byte("hello"))
	must(t, err)
	must(t, conn.CloseWrite())
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "hello yourself" {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestForwarderHangsUpIfTheServerIsAway(t *testing.T) {
	t.Parallel()
	port, err := loopback.FreePort()
	must(t, err)
	gone := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}
	release, err := hold(gone)
	must(t, err)
	defer release()
	if got, err := io.ReadAll(dial(t, gone.String(), nil)); err != nil || len(got) > 0 {
		t.Errorf("got %q, error %v", got, err)
	}
}

func TestForwarderWithTLSOfItsOwnAnswersWhatOpensAConnection(t *testing.T) {
	t.Parallel()
	cert, err := certificate.SelfSigned()
	must(t, err)
	head := func(size, code uint32) []byte {
		return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, size), code)
	}
	for _, c := range []struct {
		name  string
		sends []byte
		gets  string
	}{
		{"TLS", head(8, tlsRequest), "S"},
		{"GSSAPI and then TLS", append(head(8, gssRequest), head(8, tlsRequest)...), "NS"},
		{"a message that is too short", head(7, tlsRequest), ""},
		{"a message that is too long", head(maxStartup+1, tlsRequest), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, serve(t, func(net.Conn) {}), cert.Config())
			_, err := conn.Write(c.sends)
			must(t, err)
			must(t, conn.CloseWrite())
			if got, err := io.ReadAll(conn); err != nil || string(got) != c.gets {
				t.Errorf("got %q, error %v, want %q", got, err, c.gets)
			}
		})
	}
}

func TestNeighboursStayOnTheLoopback(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, want string }{
		{"127.0.0.1", "127.0.0.2"}, {"127.0.0.253", "127.0.0.254"}, {"127.0.0.254", "127.0.0.1"},
	} {
		if got := neighbour(net.ParseIP(c.from)).String(); got != c.want {
			t.Errorf("the neighbour of %s is %s, want %s", c.from, got, c.want)
		}
	}
}
