package consumer_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/jackc/pgx/v5/pgxpool"

	"keepcurrent.example/consumer"
	"keepcurrent.example/internal/testserver/postgrestest"
)

func TestMain(m *testing.M) {
	postgrestest.ClearEnvironment()
	os.Exit(m.Run())
}

// secret is a Secrets Manager that has one.
type secret struct {
	mu      sync.Mutex
	value   string
	version int
	reads   int
	during  func(ctx context.Context, read int) error // runs in each read, before it is answered
}

func (s *secret) put(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.value = value
	s.version++
}

func (s *secret) meanwhile(during func(ctx context.Context, read int) error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads, s.during = 0, during
}

func (s *secret) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads
}

func (s *secret) GetSecretValue(ctx context.Context, in *secretsmanager.GetSecretValueInput, _ ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error) {
	if *in.SecretId != "shop/database" || aws.ToString(in.VersionStage) != "AWSCURRENT" {
		return nil, fmt.Errorf("a read of %s, label %q", *in.SecretId, aws.ToString(in.VersionStage))
	}
	s.mu.Lock()
	s.reads++
	read, during := s.reads, s.during
	s.mu.Unlock()
	if during != nil {
		if err := during(ctx, read); err != nil {
			return nil, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &secretsmanager.GetSecretValueOutput{
		SecretString: aws.String(s.value),
		VersionId:    aws.String(fmt.Sprint("version-", s.version)),
	}, nil
}

// shop is a database, the secret with its URL and a source that reads it.
type shop struct {
	t      *testing.T
	db     *postgrestest.Database
	secret *secret
	source *consumer.Source
	dials  atomic.Int32 // of pools made by pool, proofs and all
}

func open(t *testing.T) *shop {
	t.Helper()
	s := &shop{t: t, db: postgrestest.Run(t), secret: &secret{}}
	s.source = &consumer.Source{Client: s.secret, SecretID: "shop/database"}
	s.publish()
	return s
}

// publish puts the database's present URL into the secret.
func (s *shop) publish() { s.secret.put(s.db.URL()) }

// publishAt publishes during the n-th read from now on.
func (s *shop) publishAt(n int) {
	s.secret.meanwhile(func(_ context.Context, read int) error {
		if read == n {
			s.publish()
		}
		return nil
	})
}

func (s *shop) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *shop) config() *pgxpool.Config {
	s.t.Helper()
	config, err := s.source.PoolConfig(s.t.Context())
	s.must(err)
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		s.dials.Add(1)
		return dial(ctx, network, address)
	}
	return config
}

func (s *shop) pool(config *pgxpool.Config) *pgxpool.Pool {
	s.t.Helper()
	pool, err := pgxpool.NewWithConfig(s.t.Context(), config)
	s.must(err)
	s.t.Cleanup(pool.Close)
	return pool
}

// user returns the user of a query of the pool.
func (s *shop) user(pool *pgxpool.Pool) (string, error) {
	var user string
	err := pool.QueryRow(s.t.Context(), "select current_user").Scan(&user)
	return user, err
}

func (s *shop) works(pool *pgxpool.Pool) {
	s.t.Helper()
	if _, err := s.user(pool); err != nil {
		s.t.Fatal("a query failed: ", err)
	}
}

// eventually waits until the condition is true, a minute at most.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("within a minute it never came true that ", what)
		}
	}
}
