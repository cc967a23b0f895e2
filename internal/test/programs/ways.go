package main

import (
	"context"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"
)

const statement = "select session_user"

// query returns the user as which it ran.
type query func(context.Context) (string, error)

// ways are those to query one pool.
var ways = map[string]func(*pgxpool.Pool) (query, error){
	"pgx": func(pool *pgxpool.Pool) (query, error) {
		return func(ctx context.Context) (user string, err error) {
			err = pool.QueryRow(ctx, statement).Scan(&user)
			return user, err
		}, nil
	},
	"sql": func(pool *pgxpool.Pool) (query, error) {
		db := stdlib.OpenDBFromPool(pool)
		return func(ctx context.Context) (user string, err error) {
			err = db.QueryRowContext(ctx, statement).Scan(&user)
			return user, err
		}, nil
	},
	"gorm": func(pool *pgxpool.Pool) (query, error) {
		db, err := gorm.Open(postgres.New(postgres.Config{Conn: stdlib.OpenDBFromPool(pool)}), &gorm.Config{Logger: logger.Discard})
		return func(ctx context.Context) (user string, err error) {
			err = db.WithContext(ctx).Raw(statement).Row().Scan(&user)
			return user, err
		}, err
	},
	"sqlx": func(pool *pgxpool.Pool) (query, error) {
		db := sqlx.NewDb(stdlib.OpenDBFromPool(pool), "pgx")
		return func(ctx context.Context) (user string, err error) {
			err = db.GetContext(ctx, &user, statement)
			return user, err
		}, nil
	},
	"ent": func(pool *pgxpool.Pool) (query, error) {
		driver := entsql.OpenDB(dialect.Postgres, stdlib.OpenDBFromPool(pool)) // for ent.NewClient(ent.Driver(driver))
		return func(ctx context.Context) (string, error) {
			rows := new(entsql.Rows)
			if err := driver.Query(ctx, statement, []any{}, rows); err != nil {
				return "", err
			}
			defer rows.Close()
			return entsql.ScanString(rows)
		}, nil
	},
	"sqlc": func(pool *pgxpool.Pool) (query, error) {
		return (&queries{pool}).sessionUser, nil
	},
}

// dbtx and queries have the form of what sqlc generates for pgx/v5.
type dbtx interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
	Query(context.Context, string, ...any) (pgx.Rows, error)
	QueryRow(context.Context, string, ...any) pgx.Row
}

type queries struct{ db dbtx }

func (q *queries) sessionUser(ctx context.Context) (user string, err error) {
	err = q.db.QueryRow(ctx, statement).Scan(&user)
	return user, err
}
