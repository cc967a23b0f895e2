# Logs in with the URL of the environment as programs do that know nothing of keepcurrent,
# and prints a line of JSON: the name of the way, and the kind of the error, or whether TLS is used.
import asyncio, json, os
import asyncpg, psycopg, psycopg2
from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

TLS = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
url = os.environ["DATABASE_URL"]
bare = url.split("://", 1)[1]


def by_psycopg(more=""):
    with psycopg.connect(url + more) as connection:
        return connection.execute(TLS).fetchone()[0]


def by_psycopg2():
    connection = psycopg2.connect(url)
    cursor = connection.cursor()
    cursor.execute(TLS)
    return cursor.fetchone()[0]


def by_sqlalchemy(url):
    with create_engine(url).connect() as connection:
        return connection.execute(text(TLS)).scalar()


def by_sqlalchemy_asyncpg(**options):
    async def query():
        engine = create_async_engine("postgresql+asyncpg://" + bare, **options)
        async with engine.connect() as connection:
            return (await connection.execute(text(TLS))).scalar()

    return asyncio.run(query())


def by_asyncpg():
    async def query():
        connection = await asyncpg.connect(url)
        return await connection.fetchval(TLS)

    return asyncio.run(query())


ways = {
    "psycopg": by_psycopg,
    "psycopg, which appends ?sslmode=require": lambda: by_psycopg("?sslmode=require"),
    "psycopg2": by_psycopg2,
    "SQLAlchemy": lambda: by_sqlalchemy(url),
    "SQLAlchemy, postgresql+psycopg": lambda: by_sqlalchemy("postgresql+psycopg://" + bare),
    "SQLAlchemy, postgresql+asyncpg": by_sqlalchemy_asyncpg,
    "SQLAlchemy, postgresql+asyncpg, ssl": lambda: by_sqlalchemy_asyncpg(connect_args={"ssl": "require"}),
    "asyncpg": by_asyncpg,
}
for name, way in ways.items():
    try:
        print(json.dumps({"way": name, "tls": way()}))
    except Exception as err:
        print(json.dumps({"way": name, "error": type(err).__name__}))
