package consumer_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/postgrestest"
)

// A server that has been sent a password can send it back.
func TestAServersAnswerIsNotShown(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	config := s.config()
	for _, tt := range []struct {
		code, message string
		kind          error
	}{
		{"28pEXAMPLE", "no", consumer.ErrUnreachable},
		{"08pEXAMPLE", "no", consumer.ErrUnreachable},
		{"57PEXAMPLE", "no", consumer.ErrUnreachable},
		{"28P01", "pEXAMPLE", consumer.ErrRefused},
		{"08P01", "password authentication failed", consumer.ErrRefused}, // PgBouncer
		{"08P01", "server shutting down", consumer.ErrUnreachable},
		{"57P03", "pEXAMPLE", consumer.ErrUnreachable},
		{"08P01", "no more connections allowed (max_client_conn)", consumer.ErrFull},
		{"08P01", "unsupported startup parameter: pEXAMPLE", consumer.ErrRefused},
		{"53300", "pEXAMPLE", consumer.ErrFull},
		{"42501", "pEXAMPLE", consumer.ErrRefused},
		{"42704", "pEXAMPLE", consumer.ErrRefused},
		{"55000", "pEXAMPLE", consumer.ErrRefused},
		{"XX000", "pEXAMPLE", consumer.ErrRefused},
	} {
		s.db.Intercept(func() postgrestest.Fault { return postgrestest.Say(tt.code, tt.message) })
		err := config.BeforeConnect(t.Context(), config.ConnConfig.Copy())
		if !errors.Is(err, tt.kind) || err != nil && strings.Contains(err.Error(), "EXAMPLE") {
			t.Errorf("%s: got %v, want %v", tt.code, err, tt.kind)
		}
	}
}

// pgx quotes the count that it does not understand.
func TestAChallengeIsNotShown(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Wait = time.Nanosecond
	config := s.config()
	s.db.Intercept(func() postgrestest.Fault { return postgrestest.Challenge("r=x,s=c2FsdA==,i=pEXAMPLE") })
	err := config.BeforeConnect(t.Context(), config.ConnConfig)
	if !errors.Is(err, consumer.ErrUnreachable) || strings.Contains(err.Error(), "EXAMPLE") {
		t.Errorf("got %v", err)
	}
	silent(t, s, err)
}
