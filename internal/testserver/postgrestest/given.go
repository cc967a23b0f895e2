package postgrestest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/testserver/certificate"
)

// adopt makes databases in the server at a URL, whose user is a superuser.
func adopt(ctx context.Context, rawURL string) (*Cluster, error) {
	plain, err := newServer(rawURL, false)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_URL: %w", err)
	}
	withTLS, err := speaksTLS(ctx, plain.address())
	if err != nil {
		return nil, fmt.Errorf("reach the server of DATABASE_URL: %w", err)
	}
	server, err := newServer(rawURL, withTLS)
	if err != nil {
		return nil, fmt.Errorf("read DATABASE_URL: %w", err)
	}
	if err := server.ping(ctx); err != nil {
		return nil, fmt.Errorf("log in to the server of DATABASE_URL: %w", err)
	}
	if err := server.tryWrongPassword(ctx); err != nil {
		return nil, err
	}
	cert, err := certificate.SelfSigned()
	if err != nil {
		return nil, err
	}
	return newCluster(server, nil, cert), nil
}

// speaksTLS asks the server at an address whether it takes TLS.
func speaksTLS(ctx context.Context, address string) (bool, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(ctx, "tcp", address)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	request := binary.BigEndian.AppendUint32([]byte{0, 0, 0, 8}, tlsRequest)
	if _, err := conn.Write(request); err != nil {
		return false, err
	}
	answer := make([]byte, 1)
	if _, err := io.ReadFull(conn, answer); err != nil {
		return false, err
	}
	return answer[0] == 'S', nil
}

// tryWrongPassword fails unless the server refuses a wrong password. Tests of passwords
// are worthless on a server that accepts any password, and initdb makes such a server
// by default:
// https://www.postgresql.org/docs/current/auth-trust.html
//
// This package does not change that setting: the server belongs to the caller, and a
// process cannot know when the last process that tests against it has ended.
func (s *server) tryWrongPassword(ctx context.Context) (err error) {
	role := random("u", 13)
	if _, err := s.run(ctx, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD '%s'`, role, random("p", 64))); err != nil {
		return fmt.Errorf("make a role in the server of DATABASE_URL, whose user must be a superuser: %w", err)
	}
	defer func() {
		if _, failed := s.run(context.WithoutCancel(ctx), `DROP ROLE `+role); failed != nil {
			err = errors.Join(err, fmt.Errorf("drop a role in the server of DATABASE_URL: %w", failed))
		}
	}()
	stranger := &server{s.login.Copy()}
	stranger.login.User, stranger.login.Password = role, "wrong"
	var refused *pgconn.PgError
	switch err := stranger.ping(ctx); {
	case errors.As(err, &refused) && refused.Code == "28P01":
		return nil
	case err != nil:
		return fmt.Errorf("try a wrong password at the server of DATABASE_URL: %w", err)
	}
	return errors.New("the server of DATABASE_URL takes a wrong password: " +
		"write scram-sha-256 for trust in its pg_hba.conf and reload it")
}
