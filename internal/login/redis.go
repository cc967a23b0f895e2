package login

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/gomodule/redigo/redis"

	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/keeper"
)

// redisLogin proves the URL of a Redis or Valkey, as Heroku Key-Value Store is.
func redisLogin(ctx context.Context, url connection.URL, config *tls.Config) error {
	conn, err := redis.DialContext(ctx, "tcp", address(url),
		redis.DialUseTLS(true), redis.DialTLSConfig(config), redis.DialTLSHandshakeTimeout(Timeout),
		redis.DialConnectTimeout(Timeout), redis.DialReadTimeout(Timeout), redis.DialWriteTimeout(Timeout),
		redis.DialUsername(url.Username()), redis.DialPassword(url.Password().Reveal()))
	if err == nil {
		_, err = redis.DoContext(conn, ctx, "PING") // a server may take any password and then nothing else
		_ = conn.Close()
	}
	return classifyRedis(url, err)
}

// classifyRedis goes by the first word of an answer, which is Redis' kind of error
// (https://redis.io/docs/latest/develop/reference/protocol-spec/#simple-errors).
func classifyRedis(url connection.URL, err error) error {
	var answer redis.Error
	var record tls.RecordHeaderError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &record):
		return fmt.Errorf("%s: %w", address(url), keeper.ErrNoTLS)
	case !errors.As(err, &answer):
		return unreachable(url, err)
	case strings.HasPrefix(answer.Error(), "ERR max number of clients"):
		return fmt.Errorf("%s: %w", address(url), keeper.ErrFull)
	}
	switch kind, _, _ := strings.Cut(answer.Error(), " "); kind {
	case "WRONGPASS", "NOAUTH", "NOPERM", "ERR":
		return fmt.Errorf("%w (%s answers %s)", keeper.ErrRefused, address(url), kind)
	}
	return fmt.Errorf("%s takes no login now", address(url)) // LOADING, MASTERDOWN and their like
}
