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

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

// maxAnswer bounds what is read of a server. A config var can name any server, and
// the clients that there are make room for whatever length an answer claims.
const maxAnswer = 4 << 10

// redisLogin proves the URL of a Redis or Valkey, as Heroku Key-Value Store is. It
// says two words of their protocol
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
func redisLogin(ctx context.Context, url connection.URL, config *tls.Config) error {
	dialer := &tls.Dialer{Config: config}
	conn, err := dialer.DialContext(ctx, "tcp", address(url))
	if err != nil {
		return classifyRedis(url, err)
	}
	defer conn.Close()
	return classifyRedis(url, converse(ctx, conn, url))
}

// converse says who we are, and then a word that only those may say who were believed.
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
	if err := ask(conn, answers, auth...); err != nil {
		return err
	}
	return ask(conn, answers, "PING")
}

// ask sends a command and returns nil if the answer is a simple string.
func ask(conn net.Conn, answers *bufio.Reader, words ...string) error {
	command := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		command += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(conn, command); err != nil {
		return err
	}
	line, err := answers.ReadString('\n')
	switch {
	case err != nil:
		return err
	case strings.HasPrefix(line, "+"):
		return nil
	case strings.HasPrefix(line, "-"):
		return redisError(line[1:])
	}
	return errors.New("this is no Redis")
}

// redisError is a server's refusal. Its first word says of which kind it is.
type redisError string

func (e redisError) Error() string { return "the server refuses a command" }

// classifyRedis turns an error into one that says only what a decision needs.
func classifyRedis(url connection.URL, err error) error {
	var answer redisError
	var record tls.RecordHeaderError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &record):
		return fmt.Errorf("%s: %w", address(url), keeper.ErrNoTLS)
	case !errors.As(err, &answer):
		return unreachable(url, err)
	case strings.HasPrefix(string(answer), "ERR max number of clients"):
		return fmt.Errorf("%s: %w", address(url), keeper.ErrFull)
	}
	switch kind, _, _ := strings.Cut(string(answer), " "); kind {
	case "WRONGPASS", "NOAUTH", "NOPERM", "ERR":
		return fmt.Errorf("%w (%s answers %s)", keeper.ErrRefused, address(url), kind)
	}
	return fmt.Errorf("%s takes no login now", address(url)) // LOADING, MASTERDOWN and their like
}
