package login

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/reconcile"
)

// maxAnswer bounds what is read of a Redis after TLS.
const maxAnswer = 4 << 10

// redisLogin proves the URL of a Redis or Valkey, as Heroku Key-Value Store is. It
// says two words of their protocol
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func redisLogin(ctx context.Context, way *line, url connection.URL, own credentials) error {
	conn, err := way.dial(ctx, "tcp", address(url))
	if err != nil {
		return way.silent(url, err)
	}
	secure := tls.Client(conn, trust(url, "", own))
	if err := secure.HandshakeContext(ctx); err != nil {
		return classifyHandshake(url, way, err)
	}
	defer secure.Close()
	return classifyRedis(url, way, converse(ctx, secure, url))
}

// classifyHandshake judges the end of a connection without TLS. A Redis that is full
// drops it there and says nothing (acceptCommonHandler in its src/networking.c).
func classifyHandshake(url connection.URL, way *line, err error) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return fmt.Errorf("%s: %w", address(url), reconcile.ErrNoTLS)
	}
	if certificate := certificateIn(url, err); certificate != nil {
		return certificate
	}
	if way.began() == 0 && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) {
		return fmt.Errorf("%s closed the connection before TLS, as a Redis without a connection left does", address(url))
	}
	return way.silent(url, err)
}

// converse sends AUTH, and then PING, which a server answers to those alone who are
// logged in. Exactly their answers count: another service could say OK to anything.
func converse(ctx context.Context, conn net.Conn, url connection.URL) error {
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	auth := []string{"AUTH", url.Password().Reveal()}
	if url.Username() != "" {
		auth = []string{"AUTH", url.Username(), url.Password().Reveal()}
	}
	answers := bufio.NewReader(io.LimitReader(conn, maxAnswer))
	if err := ask(conn, answers, "+OK", auth...); err != nil {
		return err
	}
	err := ask(conn, answers, "+PONG", "PING")
	if answer := redisError(""); errors.As(err, &answer) && strings.HasPrefix(string(answer), "NOPERM") {
		return nil // a user without the right to PING is one who is logged in
	}
	return err
}

var errNoRedis = errors.New("it answers what no Redis does")

// ask sends a command and returns nil if the answer is the one that is wanted.
func ask(conn net.Conn, answers *bufio.Reader, want string, words ...string) error {
	command := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, command); err != nil {
		return err
	}
	line, err := answers.ReadString('\n')
	switch {
	case err == io.EOF && len(line) > 0:
		return errNoRedis
	case err != nil:
		return err
	case line == want+"\r\n":
		return nil
	case strings.HasPrefix(line, "-"):
		return redisError(line[1:])
	}
	return errNoRedis
}

// redisError is a server's refusal. Its first word says of which kind it is.
type redisError string

func (e redisError) Error() string { return "the server refuses a command" }

// refuses reports whether the answer says that user or password are wrong. A Redis
// before 6 says so with ERR ("invalid password", "Client sent AUTH, but no password is
// set", "wrong number of arguments for 'auth' command"), as it says much else.
func (e redisError) refuses() (kind string, refused bool) {
	kind, text, _ := strings.Cut(strings.TrimSpace(string(e)), " ")
	switch kind {
	case "WRONGPASS", "NOAUTH":
		return kind, true
	case "ERR":
		text = strings.ToLower(text)
		return kind, strings.Contains(text, "password") || strings.Contains(text, "auth")
	}
	return "", false
}

// classifyRedis turns an error into one that says only what a decision needs.
func classifyRedis(url connection.URL, way *line, err error) error {
	var answer redisError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errNoRedis):
		return fmt.Errorf("%s: %w", address(url), errNoRedis)
	case !errors.As(err, &answer):
		return way.silent(url, err)
	case strings.HasPrefix(string(answer), "ERR max number of clients"): // through a proxy that speaks TLS for it
		return fmt.Errorf("%s: %w", address(url), reconcile.ErrFull)
	}
	if kind, refused := answer.refuses(); refused {
		return fmt.Errorf("%w (%s answers %s)", reconcile.ErrRefused, address(url), kind)
	}
	return fmt.Errorf("%s takes no login now", address(url)) // LOADING, MASTERDOWN and their like
}
