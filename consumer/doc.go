// Package consumer lets a pgx pool follow a secret that keepcurrent keeps: each
// new connection uses the credential that is good now, and a rotation needs no
// restart.
//
//	ctx := context.Background()
//	settings, err := config.LoadDefaultConfig(ctx)
//	if err != nil {
//		log.Fatal(err)
//	}
//	source := &consumer.Source{
//		Client:   secretsmanager.NewFromConfig(settings),
//		SecretID: "heroku/shop/DATABASE_URL",
//	}
//	poolConfig, err := source.PoolConfig(ctx)
//	if err != nil {
//		log.Fatal(err)
//	}
//	poolConfig.MaxConns = 8
//	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer pool.Close()
//
//	var now time.Time
//	if err := pool.QueryRow(ctx, "select now()").Scan(&now); err != nil {
//		log.Fatal(err)
//	}
//	db := stdlib.OpenDBFromPool(pool) // for what wants a *sql.DB
//	defer db.Close()
//
// # What it does
//
// The secret is read once and kept for a [Source.Lifetime], in either of
// keepcurrent's formats. Before the pool opens a connection, the credential is
// proven by a login; connections that are opened at the same time share one. If
// the server refuses it (28P01, 28000) or cannot be reached, the secret is read
// again at once, and then at growing intervals until a version logs in or
// [Source.Wait] is over. So whoever asked for the connection waits, and sees no
// refused login. All who wait share these reads and logins.
//
// A pool that is in use looks for a newer version once in a Lifetime. When that has
// logged in, connections with the older credential are closed as they are asked
// for the next time, and never while they are used. A version that does not log
// in does not take the place of one that does, and while Secrets Manager cannot
// be reached the last value stays good.
//
// # What it does not do
//
// It does not repeat queries: it cannot know which may run twice. When an old
// credential is killed, what is running on its connections fails, and so may a
// query on a connection that was in use less than a second ago, until the first
// of them has failed. After that each connection is tried before it is used.
//
// The credential is never in an error of this package, and a [Source] shows
// none, however it is printed. What pgx keeps in a connection, and its own
// errors, which name the user, are pgx's.
package consumer
