# A pool of psycopg (3.1 or newer) that follows a secret of keepcurrent: a rotation needs no restart.
#   pool = SecretPool(Secret("heroku/shop/DATABASE_URL"), max_size=8)
import json, random, re, threading, time
import boto3
import psycopg
from botocore.config import Config
from psycopg_pool import ConnectionPool


class Secret:
    # key is the key of the URL in a secret that holds several. lifetime is how long what was read is believed, wait how
    # long connect goes on, both in seconds. refused is called with secret_id and the version id when the server refuses the
    # credential and a new read shows no other: first after about a second, then at growing intervals up to a minute, one
    # call at a time, in a thread of its own, until a version logs in.
    def __init__(self, secret_id, key=None, lifetime=60, wait=10, client=None, refused=None):
        quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
        self.client = client or boto3.client("secretsmanager", config=quick)
        self.secret_id, self.key, self.lifetime, self.wait = secret_id, key, lifetime, wait
        self.lock, self.read_at, self.answered_at, self.current = threading.Lock(), 0, 0, None
        self.refused, self.refusal, self.calling, self.calls = refused, None, False, threading.Lock()

    def connect(self, **options):
        """Log in with the credential that is good now, and wait for one if need be."""
        deadline, pause = time.monotonic() + self.wait, 0.05
        current = self.read() if self.stale() else self.current
        options = {"connect_timeout": 5, "tcp_user_timeout": 5000, **options}  # a host that is gone says nothing
        while True:
            try:
                connection = psycopg.connect(current[1], **options)
                connection.secret_version, connection.used_at = current[0], time.monotonic()
                self.settle()
                return connection
            except psycopg.ProgrammingError:  # it would quote the secret
                raise ValueError("the secret holds no Postgres URL") from None
            except psycopg.OperationalError as err:  # refused, or gone: libpq gives no SQLSTATE of a login
                if time.monotonic() > deadline:
                    raise
                is_refused = REFUSAL.search(str(err))
            asked, tried, current = time.monotonic(), current, self.read()
            if is_refused and current[1] == tried[1] and self.answered_at >= asked:
                self.refuse()
            if current == tried:  # the old password dies before the new one is here
                time.sleep(jitter(pause))
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
                    current = answer["VersionId"], connection_url(answer.get("SecretString", ""), self.key)
                    before, self.current, self.answered_at = self.current, current, time.monotonic()
                    if before and before[1] != current[1]:
                        self.settle()
                except Exception:
                    if not self.current:
                        raise
            return self.current

    def refuse(self):
        if not self.refused:
            return
        with self.calls:
            self.refusal = self.refusal or Refusal()
            self.refusal.wanted = True  # by a refusal since the last call
            if not self.calling:
                self.calling = True
                threading.Thread(target=self.call, daemon=True).start()

    def settle(self):
        with self.calls:
            if self.refusal:
                self.refusal.over.set()
            self.refusal = None

    def call(self):
        while True:
            with self.calls:
                refusal = self.refusal
                self.calling = bool(refusal and refusal.wanted)
                if not self.calling:
                    return
            if refusal.over.wait(max(0, refusal.due - time.monotonic())):
                continue
            version = self.read()[0]  # the last read may be a minute old
            if refusal.over.is_set():
                continue
            refusal.wanted = False
            try:
                self.refused(self.secret_id, version)
            except Exception:  # the call is lost
                pass
            refusal.later()

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


class Refusal:
    """A credential that the server refuses while the secret has no other."""

    def __init__(self):
        self.pause, self.due, self.over = 1, time.monotonic() + jitter(1), threading.Event()

    def later(self):
        self.pause = min(2 * self.pause, 40)  # jitter makes it a minute at most
        self.due = time.monotonic() + jitter(self.pause)


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


def jitter(pause):
    return pause * random.uniform(0.5, 1.5)  # so that many processes do not act at the same time


# What Postgres says with 28P01 and 28000, in English.
REFUSAL = re.compile("authentication failed|is not permitted to log in|role .* does not exist|no pg_hba.conf entry|pg_hba.conf rejects")


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
