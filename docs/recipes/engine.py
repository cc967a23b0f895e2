# Engines of SQLAlchemy (2.0.16 or newer) that follow a secret of keepcurrent. They need pool.py and what it imports.
#   engine = secret_engine(Secret("heroku/shop/DATABASE_URL"))              # with psycopg
#   engine = async_secret_engine(Secret("heroku/shop/DATABASE_URL"))        # with asyncpg
import asyncio
from sqlalchemy import create_engine, event
from sqlalchemy.exc import DisconnectionError
from pool import Attempt, no_url


def secret_engine(secret, **options):
    engine = create_engine("postgresql+psycopg://", creator=secret.connect, pool_pre_ping=True, **options)
    return follow(engine, engine, secret)


def async_secret_engine(secret, **options):
    import asyncpg
    from sqlalchemy.ext.asyncio import create_async_engine

    class Connection(asyncpg.Connection):  # asyncpg's own takes no attributes
        secret_version = used_at = None

    async def connect():
        attempt = await asyncio.to_thread(Attempt, secret)
        while True:
            try:  # asyncpg reads sslmode itself
                connection = await asyncpg.connect(attempt.url, timeout=5, connection_class=Connection)
            except (OSError, asyncio.TimeoutError, asyncpg.PostgresError) as err:
                sqlstate = getattr(err, "sqlstate", None) or ""
                await asyncio.sleep(await asyncio.to_thread(attempt.failed, err, sqlstate))
            except ValueError:  # its text quotes the secret
                await asyncio.sleep(await asyncio.to_thread(attempt.failed, ValueError(no_url(secret.key))))
            else:
                return attempt.succeeded(connection)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, **options)

    @event.listens_for(engine.sync_engine, "checkout")
    def ping(dbapi_connection, record, proxy):  # SQLAlchemy's own ping has no time limit
        try:
            dbapi_connection.run_async(lambda connection: connection.fetchval("select 1", timeout=2))
        except Exception:
            record.driver_connection.terminate()  # close would wait for the host's answer
            raise DisconnectionError("the connection is dead") from None

    return follow(engine, engine.sync_engine, secret)


def follow(engine, events, secret):
    """Close a connection that is not current when it is next asked for. Keep one that was just opened: SQLAlchemy gives up if it
    loses two in a row."""

    @event.listens_for(events, "checkout")
    def checkout(dbapi_connection, record, proxy):
        was_used, record.info["used"] = record.info.get("used"), True
        if was_used and not secret.is_current(record.driver_connection):
            raise DisconnectionError("the secret has a newer version")

    return engine
