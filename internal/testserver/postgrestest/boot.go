package postgrestest

import (
	"context"
	"errors"
	"time"

	"keepcurrent.example/internal/testserver/loopback"
)

// boot makes a throwaway cluster.
func boot(ctx context.Context, access access) (*Cluster, error) {
	s, err := newSettings(access)
	if err != nil {
		return nil, err
	}
	return s.boot(ctx)
}

// boot tries more than once: the port that it finds free may be gone before the
// server has it.
func (s settings) boot(ctx context.Context) (*Cluster, error) {
	programs, err := findPrograms(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var errs []error
	for range 3 {
		c, err := s.bootOnce(ctx, programs)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(errs...)
}

func (s settings) bootOnce(ctx context.Context, programs string) (*Cluster, error) {
	var err error
	if s.port, err = loopback.FreePort(); err != nil {
		return nil, err
	}
	s.password = random("p", 64)
	server, err := newServer(s.url(), s.access != plainOnly)
	if err != nil {
		return nil, err
	}
	g, err := startGuardian(programs, s.files())
	if err != nil {
		return nil, err
	}
	if err := g.await(ctx, server.ping); err != nil {
		return nil, errors.Join(err, g.close())
	}
	return newCluster(server, g, s.cert), nil
}
