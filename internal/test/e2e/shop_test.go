package e2e_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"keepcurrent.example/internal/testserver/herokutest"
	"keepcurrent.example/internal/testserver/postgrestest"
	"keepcurrent.example/internal/testserver/stacktest"
)

// shop is an app with a database whose secret has been filled by a first poll.
type shop struct {
	*stack
	app    *herokutest.App
	addon  *herokutest.AddOn
	db     *postgrestest.Database
	secret string    // its ARN
	around [2]string // what the secret holds before the URL and behind it
}

func openShop(t *testing.T, config stacktest.Config) *shop {
	t.Helper()
	s := start(t, config)
	db, app := s.database(), s.Heroku.CreateApp("shop")
	shop := &shop{stack: s, app: app, addon: s.Heroku.Provision(app, db), db: db}
	shop.secret = s.bind(app.Name, "shop/database", "heroku:format=url")
	if report := s.poll(); report.Published != 1 {
		t.Fatalf("the first poll: %+v", report)
	}
	shop.equal()
	s.Secrets.ResetCalls()
	s.Heroku.ResetCalls()
	return shop
}

func (s *shop) subscribe() {
	s.t.Helper()
	s.must(s.Subscribe(s.t.Context(), s.app.Name))
}

// rotate kills the credential at once.
func (s *shop) rotate() {
	s.t.Helper()
	s.must(s.addon.Rotate(s.t.Context()))
}

// equal fails the test unless the secret is equal to the database's URL and a
// consumer can log in with it.
func (s *shop) equal() {
	s.t.Helper()
	if s.value(s.secret) != s.payload(s.db.URL()) {
		s.t.Fatal("the secret is not equal to the database's URL")
	}
	if err := s.login(); err != nil {
		s.t.Fatal("a consumer cannot log in: ", err)
	}
}

// payload is the secret's value for a URL.
func (s *shop) payload(url string) string {
	return s.around[0] + url + "?sslmode=require" + s.around[1]
}

// login reads the secret and connects, as a consumer does.
func (s *shop) login() error {
	ctx, cancel := context.WithTimeout(s.t.Context(), 10*time.Second)
	defer cancel()
	url := strings.TrimSuffix(strings.TrimPrefix(s.value(s.secret), s.around[0]), s.around[1])
	conn, err := pgconn.Connect(ctx, url)
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}
