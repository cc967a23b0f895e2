package postgrestest

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestFaultsStandInThePlaceOfTheServer(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		tests := map[string]struct {
			fault Fault
			is    func(error) bool
		}{
			"reset":        {Reset, func(err error) bool { return errors.Is(err, syscall.ECONNRESET) }},
			"garbage":      {Garble, func(err error) bool { return strings.Contains(err.Error(), "refused TLS") }},
			"answer 53300": {Answer("53300"), answers("53300")},
			"answer 28P01": {Answer("28P01"), answers("28P01")},
		}
		for name, tt := range tests {
			t.Run(name, func(t *testing.T) {
				d.Intercept(func() Fault { return tt.fault })
				if _, err := login(t, d.URL()); err == nil || !tt.is(err) {
					t.Errorf("got error %v", err)
				}
			})
		}
		d.Intercept(nil)
		mustLogin(t, d.URL())
	})
}

func answers(sqlstate string) func(error) bool {
	return func(err error) bool {
		var answer *pgconn.PgError
		return errors.As(err, &answer) && answer.Code == sqlstate
	}
}

func TestAHangingServerLetsTheClientGo(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, given(t))
	reached, left := make(chan bool, 1), make(chan bool, 1)
	d.Intercept(func() Fault { return told(Hang, reached, left) })
	giveUp(t, d, reached)
	<-left
}

func TestAfterLoginTheClientDoesNotLearnOfItsSession(t *testing.T) {
	t.Parallel()
	eachKind(t, func(t *testing.T, c *Cluster) {
		d := newDatabase(t, c)
		reached, left := make(chan bool, 1), make(chan bool, 1)
		d.Intercept(func() Fault { return d.AfterLogin(told(Hang, reached, left)) })
		giveUp(t, d, reached)
		<-left
		must(t, d.Idle(t.Context()))
	})
}

// told is a fault that tells of its beginning and its end.
func told(f Fault, begins, ends chan<- bool) Fault {
	return func(client net.Conn, serve func(net.Conn)) {
		begins <- true
		f(client, serve)
		ends <- true
	}
}

// giveUp logs in and gives up as soon as a fault has been reached.
func giveUp(t *testing.T, d *Database, reached <-chan bool) {
	t.Helper()
	s, err := newServer(d.URL(), true)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-reached
		cancel()
	}()
	if _, err := pgconn.ConnectConfig(ctx, s.login); !errors.Is(err, context.Canceled) {
		t.Errorf("the login ended with %v", err)
	}
}
