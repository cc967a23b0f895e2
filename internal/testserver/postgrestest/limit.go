package postgrestest

import (
	"context"
	"fmt"
)

// LimitRole lets the present role have n sessions at the same time
// (https://www.postgresql.org/docs/current/sql-alterrole.html); a negative n is no
// limit.
func (d *Database) LimitRole(ctx context.Context, n int) error {
	d.mu.Lock()
	user := d.user
	d.mu.Unlock()
	return d.limit(ctx, fmt.Sprintf(`ALTER ROLE %s CONNECTION LIMIT %d`, user, n))
}

// Limit lets n sessions be open in the database at the same time
// (https://www.postgresql.org/docs/current/sql-alterdatabase.html); a negative n is no
// limit.
func (d *Database) Limit(ctx context.Context, n int) error {
	return d.limit(ctx, fmt.Sprintf(`ALTER DATABASE %s CONNECTION LIMIT %d`, d.name, n))
}

// Forbid takes the right to connect from all roles but the superusers.
func (d *Database) Forbid(ctx context.Context) error {
	return d.limit(ctx, fmt.Sprintf(`ALTER DATABASE %[1]s OWNER TO postgres; REVOKE CONNECT ON DATABASE %[1]s FROM PUBLIC`, d.name))
}

func (d *Database) limit(ctx context.Context, statement string) error {
	if _, err := d.cluster.server.run(ctx, statement); err != nil {
		return fmt.Errorf("postgrestest: limit a database: %w", err)
	}
	return nil
}
