# Uses a Python recipe as its reader would: four workers query all the time, and a line of
# JSON says how each query went. It ends with its standard input. WAY says which recipe.
import asyncio, importlib, json, logging, os, sys, threading, time
import boto3
from botocore.config import Config
from pool import Secret, SecretPool

logging.basicConfig()
env = os.environ
quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
lifetime, wait = int(env.get("LIFETIME", 60_000)) / 1000, int(env.get("WAIT", 10_000)) / 1000
USER = "select session_user"


def write(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def client(service):
    """As the recipe's own, at an address that older versions of boto3 do not read by themselves."""
    endpoint = env["AWS_ENDPOINT_URL_" + {"secretsmanager": "SECRETS_MANAGER", "events": "EVENTBRIDGE"}[service]]
    return boto3.session.Session().client(service, config=quick, endpoint_url=endpoint)


def hook():
    from refused import call_keepcurrent

    call = call_keepcurrent(client("events"))

    def refused(secret, version):
        write(called=secret, version=version, at=int(time.time() * 1000))
        call(secret, version)
        if "THROWS" in env:
            raise RuntimeError("EXAMPLE")

    return refused


def open_secret():
    refused = hook() if "AWS_ENDPOINT_URL_EVENTBRIDGE" in env else None
    return Secret(env["DATABASE_SECRET_ID"], key=env.get("KEY"), lifetime=lifetime, wait=wait, client=client("secretsmanager"), refused=refused)


# Each way returns a function that queries, and what there is to print at the end.


def use_psycopg():
    pool = SecretPool(open_secret(), max_size=4)

    def query():
        with pool.connection() as connection:
            return connection.execute(USER).fetchone()[0]

    return query, pool


def use_connect():
    secret = open_secret()

    def query():
        with secret.connect() as connection:
            return connection.execute(USER).fetchone()[0]

    return query, secret.connect


def use_sqlalchemy():
    from sqlalchemy import text
    from engine import secret_engine

    engine = secret_engine(open_secret())

    def query():
        with engine.connect() as connection:
            return connection.execute(text(USER)).scalar()

    return query, engine


def use_sqlalchemy_asyncpg():
    from sqlalchemy import text
    from engine import async_secret_engine

    engine, loop = async_secret_engine(open_secret()), asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    async def query():
        async with engine.connect() as connection:
            return (await connection.execute(text(USER))).scalar()

    return lambda: asyncio.run_coroutine_threadsafe(query(), loop).result(), engine.sync_engine


def use_django():
    from django.conf import settings

    default = {"ENGINE": "djangosecret", "NAME": "shop", "OPTIONS": {"secret": open_secret()}, "CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": True}
    settings.configure(DATABASES={"default": default})
    import django
    from django.core.signals import request_finished, request_started
    from django.db import connection

    django.setup()

    def query():
        request_started.send(None, environ={})
        try:
            with connection.cursor() as cursor:
                cursor.execute(USER)
                return cursor.fetchone()[0]
        finally:
            request_finished.send(None)

    return query, connection


def use_lambda():
    boto3.client = lambda service, **options: client(service)
    module, one = importlib.import_module("lambda"), threading.Lock()  # an environment has one invocation at a time
    module.secret.lifetime = lifetime

    def query():
        with one:
            return module.handler({}, None)

    return query, module


ways = {"psycopg": use_psycopg, "connect": use_connect, "sqlalchemy": use_sqlalchemy, "sqlalchemy-asyncpg": use_sqlalchemy_asyncpg, "django": use_django, "lambda.py": use_lambda}


def code(err):
    """The SQLSTATE, which SQLAlchemy and Django keep in the error that they wrap."""
    causes = [err, getattr(err, "orig", None), err.__cause__]
    return next((cause.sqlstate for cause in causes if getattr(cause, "sqlstate", None)), str(err))


def rest():
    """With REST all workers wake at the same moments: see program.mjs."""
    apart = int(env.get("REST", 0)) / 1000
    time.sleep(2 * apart - time.time() % apart if apart else 0.02)


def work(worker):
    while True:
        answer = {"worker": worker, "began": int(time.time() * 1000)}
        try:
            answer["user"] = query()
        except Exception as err:
            answer["error"] = code(err)
        write(**answer)
        rest()


query, used = ways[env.get("WAY", "psycopg")]()
for i in range(4):
    threading.Thread(target=work, args=[i], daemon=True).start()
sys.stdin.read()
print(used, vars(used), flush=True)
os._exit(0)
