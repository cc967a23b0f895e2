package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/connection"
	"keepcurrent.example/internal/credential"
	"keepcurrent.example/internal/testserver/postgrestest"
)

func TestEveryFormatLogsIn(t *testing.T) {
	t.Parallel()
	s := open(t)
	u, err := connection.Parse(credential.New(s.db.URL()))
	s.must(err)
	object, err := u.JSON("DATABASE_URL")
	s.must(err)
	renamed, err := u.JSON("orders.db")
	s.must(err)
	others := `{"price":1e400,"nested":{"orders.db":7},"REPORTS_URL":"postgres://a@h/d","orders.db":null}` + "\n"
	several, err := connection.With(credential.New("\n"+others), "orders.db", u.Text())
	s.must(err)
	one, err := connection.With(credential.New(`{"price":1e400}`), "orders.db", u.Text())
	s.must(err)
	for name, value := range map[string]string{
		"a key's name for the URL":         renamed.Reveal(),
		"one URL beside others":            one.Reveal(),
		"the URL as keepcurrent writes it": u.Text().Reveal(),
		"the URL as Heroku writes it":      s.db.URL(),
		"with an editor's line end":        s.db.URL() + "\n",
		"the object":                       object.Reveal(),
		"with parameters of a pool's":      s.db.URL() + "?pool_max_conns=3",
		"with parameters of libpq's":       s.db.URL() + "?keepalives=1&tcp_user_timeout=1000&gssencmode=disable&client_encoding=auto",
		"the keys of AWS alone":            keysAlone(u, ""),
		"Aurora's keys":                    strings.Replace(keysAlone(u, ""), `"postgres"`, `"aurora-postgresql"`, 1),
		"the port as a text":               strings.Replace(keysAlone(u, ""), fmt.Sprintf(`"port":%d`, u.Port()), fmt.Sprintf(`"port":"%d"`, u.Port()), 1),
		"the keys, and two URLs of others": keysAlone(u, `"A_URL":"postgres://a@h/d","B_URL":"postgres://b@h/d",`),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.logsIn(t, value, "")
		})
	}
	for name, value := range map[string]string{
		"the object, by key":        renamed.Reveal(),
		"one of several keys":       several.Reveal(),
		"the only URL, by key":      one.Reveal(),
		"a key that is named twice": strings.Replace(several.Reveal(), "{", `{"orders.db":"x",`, 1), // all readers take the last
		"a key beside AWS's own":    strings.Replace(several.Reveal(), "{", `{"engine":"mysql","host":"h",`, 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s.logsIn(t, value, "orders.db")
		})
	}
}

// logsIn opens a pool with the URL in a secret's value.
func (s *shop) logsIn(t *testing.T, value, key string) {
	t.Helper()
	mine := &shop{t: t, db: s.db, secret: &secret{value: value}}
	mine.source = &consumer.Source{Client: mine.secret, SecretID: "shop/database", Key: key}
	mine.works(mine.pool(mine.config()))
}

// A server that does not speak TLS gets no password.
func TestTLSIsAskedForWhereTheSecretDoesNotSay(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	s.must(config.BeforeConnect(t.Context(), config.ConnConfig))
	if config.ConnConfig.TLSConfig == nil || len(config.ConnConfig.Fallbacks) > 0 {
		t.Error("it would speak without TLS")
	}
}

func TestTheCallersSettingsStayAndTheSecretsJoinThem(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.secret.put(s.db.URL() + "?application_name=secret&search_path=secret")
	config := s.config()
	config.ConnConfig.RuntimeParams["application_name"] = "caller"
	var application, path string
	s.must(s.pool(config).QueryRow(t.Context(), "select current_setting('application_name'), current_setting('search_path')").Scan(&application, &path))
	if application != "caller" || path != "secret" {
		t.Errorf("application_name %q, search_path %q", application, path)
	}
}

func TestTheConfigContainsNoCredential(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	u, err := url.Parse(s.db.URL())
	s.must(err)
	if config.ConnConfig.User == u.User.Username() || config.ConnConfig.Password != "" {
		t.Error("it contains one")
	}
}

func TestTheSecretIsReadOnceInALifetime(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Hour
	pool := s.pool(s.config())
	for range 3 {
		s.works(pool)
		pool.Reset()
	}
	if reads := s.secret.count(); reads != 1 {
		t.Errorf("%d reads", reads)
	}
}

// The pool has no connection that could warn it, and the new version comes late.
func TestARefusedLoginWaitsForTheNewVersion(t *testing.T) {
	t.Parallel()
	s := open(t)
	pool := s.pool(s.config())
	s.must(s.db.Rotate(t.Context()))
	s.publishAt(3)
	s.works(pool)
}

// The other keys change all the time; a rotation changes ours.
func TestOneOfSeveralKeysIsFollowed(t *testing.T) {
	t.Parallel()
	s := open(t)
	publish := func(other int) {
		s.secret.put(fmt.Sprintf(`{"OTHER_URL":"postgres://u@h%d/d","db":%q}`, other, s.db.URL()))
	}
	publish(0)
	s.source.Key, s.source.Lifetime = "db", time.Nanosecond
	pool := s.pool(s.config())
	for other := range 3 {
		publish(other)
		s.works(pool)
	}
	s.must(s.db.Rotate(t.Context()))
	s.secret.meanwhile(func(_ context.Context, read int) error {
		if read == 3 {
			publish(7)
		}
		return nil
	})
	pool.Reset()
	s.works(pool)
	s.secret.put(`{"OTHER_URL":"postgres://u@h/d"}`) // ours is gone: what there is stays good
	for range 3 {
		pool.Reset()
		s.works(pool)
	}
}

func TestAHostThatIsGoneWaitsForTheNewVersion(t *testing.T) {
	t.Parallel()
	s := open(t)
	pool := s.pool(s.config())
	s.must(s.db.FailOver(t.Context()))
	s.publishAt(3)
	s.works(pool)
}

// The server is away for a moment, as it is in a restart, and the secret is right.
func TestAHostThatComesBackIsTriedAgain(t *testing.T) {
	t.Parallel()
	s := open(t)
	pool := s.pool(s.config())
	s.must(s.db.Refuse())
	s.secret.meanwhile(func(_ context.Context, read int) error {
		if read == 3 {
			return s.db.Accept()
		}
		return nil
	})
	s.works(pool)
}

func TestOneFailureFindsAllThatARotationHasCut(t *testing.T) {
	t.Parallel()
	s := open(t)
	config := s.config()
	config.MaxConns = 4
	pool := s.pool(config)
	var held []interface{ Release() }
	for range config.MaxConns {
		conn, err := pool.Acquire(t.Context())
		s.must(err)
		held = append(held, conn)
	}
	for _, conn := range held {
		conn.Release()
	}
	s.must(s.db.Rotate(t.Context()))
	s.publish()
	if _, err := s.user(pool); err != nil { // else a second has passed, after which pgx tries each by itself
		eventually(t, "the dead connection is gone", func() bool { return pool.Stat().TotalConns() < config.MaxConns })
	}
	for range config.MaxConns {
		s.works(pool)
	}
}

func TestConnectionsWithTheOlderCredentialRetire(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Nanosecond // each use looks for a newer version
	config := s.config()
	config.MaxConns = 2
	pool := s.pool(config)
	old, err := s.user(pool)
	s.must(err)
	transaction, err := pool.Begin(t.Context())
	s.must(err)
	defer transaction.Rollback(context.WithoutCancel(t.Context()))

	end, err := s.db.RotateUser(t.Context())
	s.must(err)
	s.publish()
	eventually(t, "the pool has moved", func() bool {
		user, err := s.user(pool)
		s.must(err)
		return user != old
	})
	var user string
	if err := transaction.QueryRow(t.Context(), "select session_user").Scan(&user); err != nil || user != old {
		t.Fatalf("a transaction was disturbed: %q, %v", user, err)
	}
	s.must(transaction.Commit(t.Context()))
	for range 2 * config.MaxConns {
		if user, err := s.user(pool); err != nil || user == old {
			t.Fatalf("an old connection was used again: %v", err)
		}
	}
	s.must(end(t.Context()))
	s.works(pool)
}

// Otherwise a caller could see one connection after the other go, and pgxpool
// gives up after a few.
func TestANewConnectionIsUsedEvenIfTheCredentialHasMovedOn(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Nanosecond
	config := s.config()
	config.MaxConns = 1
	version := 0
	config.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error {
		version++
		s.secret.put(fmt.Sprintf("%s?application_name=version-%d", s.db.URL(), version))
		return config.BeforeConnect(ctx, config.ConnConfig.Copy())
	}
	s.works(s.pool(config))
	if version != 1 {
		t.Errorf("it took %d connections", version)
	}
}

func TestAVersionThatDoesNotLogInDoesNotReplaceOneThatDoes(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Nanosecond
	pool := s.pool(s.config())
	s.works(pool)
	u, err := url.Parse(s.db.URL())
	s.must(err)
	u.User = url.UserPassword(u.User.Username(), "wrong-EXAMPLE")
	s.secret.put(u.String())
	for range 3 {
		pool.Reset() // so that there must be a new connection
		s.works(pool)
	}
}

func TestTheLastValueStaysGoodWhileSecretsManagerIsAway(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime, s.source.Wait = time.Nanosecond, time.Nanosecond
	pool := s.pool(s.config())
	away := errors.New("away")
	s.secret.meanwhile(func(context.Context, int) error { return away })
	for range 3 {
		pool.Reset()
		s.works(pool)
	}
	s.works(s.pool(s.config()))
	s.must(s.db.Rotate(t.Context()))
	pool.Reset()
	if _, err := s.user(pool); !errors.Is(err, consumer.ErrRefused) || !errors.Is(err, consumer.ErrUnread) {
		t.Errorf("it does not say that the login was refused and the secret cannot be read: %v", err)
	}
}

func TestADatabaseOfTheStandardLibraryFollowsToo(t *testing.T) {
	t.Parallel()
	s := open(t)
	db := stdlib.OpenDBFromPool(s.pool(s.config()))
	defer db.Close()
	s.must(s.db.Rotate(t.Context()))
	s.publishAt(2)
	s.must(db.PingContext(t.Context()))
}

// What is no pool's: a migration, a lock of the session's, a listener.
func TestOneConnectionServesWhatAPoolCannot(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.source.Lifetime = time.Hour
	s.must(s.db.Rotate(t.Context()))
	s.publishAt(2) // the first config already has to wait for it
	config := func() *pgx.ConnConfig {
		t.Helper()
		config, err := s.source.ConnConfig(t.Context())
		s.must(err)
		return config
	}
	migration := stdlib.OpenDB(*config())
	defer migration.Close()
	_, err := migration.ExecContext(t.Context(), "create table orders (id bigint)")
	s.must(err)

	listener, err := pgx.ConnectConfig(t.Context(), config())
	s.must(err)
	defer listener.Close(t.Context())
	_, err = listener.Exec(t.Context(), "listen orders")
	s.must(err)
	lock, err := pgx.ConnectConfig(t.Context(), config())
	s.must(err)
	defer lock.Close(t.Context())
	_, err = lock.Exec(t.Context(), "select pg_advisory_lock(1), pg_notify('orders', '7')")
	s.must(err)
	notification, err := listener.WaitForNotification(t.Context())
	if err != nil || notification.Payload != "7" {
		t.Errorf("got %v, %v", notification, err)
	}
	var free bool
	if err := listener.QueryRow(t.Context(), "select pg_try_advisory_lock(1)").Scan(&free); err != nil || free {
		t.Errorf("the lock is free: %t, %v", free, err)
	}

	// The end of a session is a reason to look again, also while its credential works.
	newer := postgrestest.Run(t)
	s.secret.put(newer.URL())
	_, err = lock.Exec(t.Context(), "select pg_terminate_backend($1)", listener.PgConn().PID())
	s.must(err)
	if _, err := listener.WaitForNotification(t.Context()); err == nil {
		t.Error("the session lives on")
	}
	if next := config(); !strings.Contains(newer.URL(), next.Database) {
		t.Error("the next config is the old one")
	}
}

func keysAlone(u connection.URL, more string) string {
	return fmt.Sprintf(`{%s"engine":"postgres","host":%q,"port":%d,"username":%q,"password":%q,"dbname":%q}`,
		more, u.Host(), u.Port(), u.Username(), u.Password().Reveal(), u.Database())
}
