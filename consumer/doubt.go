package consumer

import (
	"cmp"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// watch lets the errors of a connection be a reason to read the secret again. It keeps the
// handler that the config has.
func (s *Source) watch(config *pgx.ConnConfig) {
	next := config.OnPgError
	config.OnPgError = func(conn *pgconn.PgConn, e *pgconn.PgError) bool {
		if isDoubt(e) {
			s.doubt()
		}
		return next == nil || next(conn, e)
	}
}

// isDoubt reports whether an error may mean that another version of the secret is right:
// the server or a pooler ends the session, or the database takes no writes any more
// (25006), as it may after a promotion.
func isDoubt(e *pgconn.PgError) bool {
	return cmp.Or(e.SeverityUnlocalized, e.Severity) == "FATAL" || e.Code == "25006"
}

// doubt makes a read of the secret due: at first at once, and while there are doubts and no
// newer version at growing intervals, up to the lifetime. A program may well try to write
// where it cannot, all the time. doubt reports whether a read is due.
func (s *Source) doubt() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.doubted) > defaultLifetime {
		s.pause = 0
	}
	s.doubted = time.Now()
	if next := s.tried.Add(s.pause); next.Before(s.due) {
		s.due, s.pause = next, max(2*s.pause, firstPause)
	}
	return !time.Now().Before(s.due)
}
