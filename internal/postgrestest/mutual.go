package postgrestest

import (
	"context"
	"fmt"
)

// StartMutual makes a throwaway cluster that asks every client for a certificate, as
// a Private or Shield database of Heroku's does to clients from outside
// (https://devcenter.heroku.com/articles/heroku-postgres-via-mtls). identity is a
// JSON object with a certificate that it takes, its key, and the root of its own.
func StartMutual(ctx context.Context) (c *Cluster, identity string, err error) {
	cert, err := newCertificate()
	if err == nil {
		c, err = boot(ctx, cert, mutual)
	}
	if err != nil {
		return nil, "", fmt.Errorf("postgrestest: %w", err)
	}
	identity, err = cert.identity()
	return c, identity, err
}
