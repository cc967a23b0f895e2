package postgrestest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"keepcurrent.example/internal/testserver/certificate"
)

// Cluster is a PostgreSQL server in which databases can be made.
type Cluster struct {
	server   *server
	guardian *guardian   // nil for a server that DATABASE_URL names
	tls      *tls.Config // what forwarders use in place of a server without TLS, or nil

	mu        sync.Mutex
	databases map[*Database]bool
}

var shared struct {
	sync.Mutex
	cluster *Cluster
}

// Shared returns the cluster of the process: a throwaway one, which takes a second or
// two to make and ends with the process, or the server that DATABASE_URL names. It fails
// if there is neither, and says how to install a server. Each caller closes the databases
// that it makes in the cluster.
func Shared(ctx context.Context) (*Cluster, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.cluster == nil {
		c, err := start(ctx)
		if err != nil {
			return nil, err
		}
		shared.cluster = c
	}
	return shared.cluster, nil
}

// start makes a throwaway cluster, or uses the server that DATABASE_URL names.
func start(ctx context.Context) (c *Cluster, err error) {
	if given := os.Getenv("DATABASE_URL"); given != "" {
		c, err = adopt(ctx, given)
	} else {
		c, err = boot(ctx, tlsOnly)
	}
	if err != nil {
		return nil, fmt.Errorf("postgrestest: %w", err)
	}
	return c, nil
}

func newCluster(s *server, g *guardian, cert certificate.Certificate) *Cluster {
	c := &Cluster{server: s, guardian: g, databases: map[*Database]bool{}}
	if s.login.TLSConfig == nil {
		c.tls = cert.Config()
	}
	return c
}

// close closes all databases, stops a throwaway server and removes its files.
// Nothing of the cluster is left when it returns.
func (c *Cluster) close() error {
	c.mu.Lock()
	databases := slices.Collect(maps.Keys(c.databases))
	c.mu.Unlock()
	var errs []error
	for _, d := range databases {
		errs = append(errs, d.Close())
	}
	if c.guardian != nil {
		errs = append(errs, c.guardian.close())
	}
	return errors.Join(errs...)
}
