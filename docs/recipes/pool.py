# A pool of psycopg (3.1 or newer) that follows a secret of keepcurrent: a rotation needs no restart.
#   pool = SecretPool(Secret("heroku/shop/DATABASE_URL"), max_size=8)
import json, random, re, threading, time
import boto3
import psycopg
from botocore.config import Config
from psycopg_pool import ConnectionPool


class Secret:
    # key is the key of the URL in a secret that holds several. lifetime is how long what was read is believed, wait how
    # long connect goes on, both in seconds.
    def __init__(self, secret_id, key=None, lifetime=60, wait=10, client=None):
        quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
        self.client = client or boto3.client("secretsmanager", config=quick)
        self.secret_id, self.key, self.lifetime, self.wait = secret_id, key, lifetime, wait
        self.lock, self.read_at, self.current = threading.Lock(), 0, None

    def connect(self, **options):
        """Log in with the credential that is good now, and wait for one if need be."""
        deadline, pause = time.monotonic() + self.wait, 0.05
        current = self.read() if self.stale() else self.current
        options = {"connect_timeout": 5, "tcp_user_timeout": 5000, **options}  # a host that is gone says nothing
        while True:
            try:
                connection = psycopg.connect(current[1], **options)
                connection.secret_version, connection.used_at = current[0], time.monotonic()
                return connection
            except psycopg.ProgrammingError:  # it would quote the secret
                raise ValueError("the secret holds no Postgres URL") from None
            except psycopg.OperationalError:  # refused, or gone: libpq gives no SQLSTATE of a login
                if time.monotonic() > deadline:
                    raise
            tried, current = current, self.read()
            if current == tried:  # the old password dies before the new one is here
                time.sleep(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, 1)

    def stale(self):
        return not self.current or time.monotonic() - self.read_at > self.lifetime

    def read(self):
        """Read AWSCURRENT. All who ask at the same time share one read; if it fails, what we have stays good."""
        asked = time.monotonic()
        with self.lock:
            if self.read_at < asked or not self.current:
                self.read_at = time.monotonic()
                try:
                    answer = self.client.get_secret_value(SecretId=self.secret_id, VersionStage="AWSCURRENT")
                    self.current = answer["VersionId"], connection_url(answer.get("SecretString", ""), self.key)
                except Exception:
                    if not self.current:
                        raise
            return self.current

    def good(self, connection):
        """It has the present credential, and is alive."""
        idle, connection.used_at = time.monotonic() - connection.used_at, time.monotonic()
        if self.stale():
            threading.Thread(target=self.read, daemon=True).start()
        try:
            if idle > 1:
                connection.execute("select 1")
                connection.rollback()
        except psycopg.OperationalError:
            return False
        return connection.secret_version == self.current[0]


class SecretPool(ConnectionPool):
    def __init__(self, secret, **options):
        self.secret = secret
        connect = classmethod(lambda cls, conninfo="", **options: secret.connect(**options))
        super().__init__(connection_class=type("Connection", (psycopg.Connection,), {"connect": connect}), **options)

    def getconn(self, timeout=None):
        while not self.secret.good(connection := super().getconn(timeout)):
            connection.close()
            self.putconn(connection)  # which opens another
        return connection


def connection_url(text, key=None):
    """The URL under the key; without one the URL alone, or under DATABASE_URL. Errors name keys, and quote no value."""
    members = None
    try:
        if text.lstrip().startswith("{"):
            members = json.loads(text)
    except ValueError:  # it would quote the secret
        pass
    if key and members is None:
        raise ValueError(f"the secret is not a JSON object, so it has no key {quoted(key)}")
    name = key or "DATABASE_URL"
    if members is not None and name not in members:
        raise ValueError(f"the secret has no key {quoted(name)}; its keys: {names(members)}")
    url = text.strip() if members is None else members[name]
    if isinstance(url, str) and re.match("postgres(ql)?://", url):
        return url
    where = "holds no Postgres URL" if members is None else f"has no Postgres URL under the key {quoted(name)}"
    raise ValueError(f"the secret {where}")


# A name of another form, or a long one in the secret, could be a credential.
def quoted(key):
    return f'"{key}"' if re.fullmatch("[A-Za-z0-9_+=./@-]{1,100}", key) else "(not shown)"


def names(members):
    shown = [quoted(key) for key in sorted(members) if re.fullmatch("[A-Za-z0-9_.-]{1,31}", key)][:10]
    if len(shown) < len(members):
        shown.append(f"{len(members) - len(shown)} not shown")
    return ", ".join(shown) or "none"
