// Package consumer lets a pgx pool follow a secret that keepcurrent updates: each new
// connection uses the current credential, and a rotation needs no restart.
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
// The secret is read once and kept for a [Source.Lifetime], in any of keepcurrent's
// formats. If it holds several keys, [Source.Key] says which.
//
// A new connection:
//
//   - Before the pool opens it, a login proves the credential, with the settings of the pool
//     and the parameters of the URL. Connections that one pool opens at the same time share
//     that login.
//   - If the login fails, for whatever reason, the secret is read again at once, and then at
//     growing intervals, until a version logs in or [Source.Wait] is over. The caller that
//     asked for the connection waits, and does not see the failed login.
//   - If the server refuses the user, the password or the database, that version is not tried
//     again in that search. After any other failure it is, because the cause may go away.
//   - If the version in use has logged in before, and its server has no connection left
//     (53300), the caller gets that error without a wait.
//   - The search goes on when its callers give up, so the next caller finds its result.
//
// A newer version of the secret:
//
//   - A pool that is in use reads the secret again once in a Lifetime, and earlier if the
//     server ends a session or takes no writes any more (25006). While Secrets Manager cannot
//     be reached, the last value stays in use.
//   - When a newer version has logged in, each connection with the older credential is closed
//     the next time that it is acquired, and never while it is in use.
//   - A version that does not log in does not replace one that does. It is tried again at
//     growing intervals of up to a minute.
//   - The version that was in use before stays known until its server refuses it. It serves
//     if the newer one fails later, for example because no connection is left.
//
// [Source.Refused] is called while the server refuses the newest version and the secret has
// nothing newer, also if an older version serves. It can send the event that makes
// keepcurrent look at once: the example of Source (Refused) does. [Source.ConnConfig] is for a
// connection outside a pool, and [Source.URL] for a tool that takes only a text.
//
// # What it does not do
//
// It does not repeat queries: it cannot know which may run twice. When an old
// credential is killed, the queries on its connections fail. A query on a connection
// that was in use less than a second ago may fail too, until the first has failed.
// After that each connection is tested before it is used.
//
// It cannot know of a promotion before the secret does. The old database still takes writes
// then, and nothing copies them to the new one: stop the writers before you promote.
//
// No error of this package contains the credential, and a [Source] does not show it,
// however it is printed. Connections and errors of pgx do show parts of it: the errors
// name the user.
package consumer
