# A pool of psycopg (3.1 or newer) that follows a secret of keepcurrent. A rotation needs no restart.
#   pool = SecretPool(Secret("heroku/shop/DATABASE_URL"), max_size=8)
import json, random, re, selectors, threading, time, urllib.parse
import boto3
import psycopg
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError
from psycopg_pool import ConnectionPool


class Secret:
    # key names the key of the URL, if the secret holds several. lifetime is after how many seconds the secret is read again,
    # wait for how many seconds connect tries. refused is called with secret_id and the version id, when the server refuses
    # the credential and a new read shows no other. The first call comes after about a second, more at growing intervals of up
    # to a minute, one at a time, in a thread of their own, until a version logs in.
    def __init__(self, secret_id, key=None, lifetime=60, wait=10, client=None, refused=None):
        self.client = client or secrets_manager()
        self.secret_id, self.key, self.lifetime, self.wait = secret_id, key, lifetime, wait
        self.lock, self.read_at, self.answered_at, self.unread = threading.Lock(), 0, 0, None
        self.looking, self.failing, self.full = threading.Lock(), Retry(0.05, 1), Retry(1, lifetime)  # when to read while no login succeeds
        self.current = self.proven = None  # what was read last, and what logged in last: a version id and its URL
        self.trial = Retry(1, 40)  # when to try a newer version while an older one logs in
        self.refused, self.refusal, self.calling, self.calls = refused, None, False, threading.Lock()

    def connect(self, login=psycopg.connect, **options):
        """Log in with the current credential. If none logs in, wait for one that does."""
        attempt = Attempt(self)
        options = {"connect_timeout": 5, "tcp_user_timeout": 5000, **options}  # a host that is gone sends no error
        while True:
            try:
                connection = login(attempt.url, **options)
            except psycopg.ProgrammingError:  # its text quotes the secret
                time.sleep(attempt.failed(ValueError(no_url(self.key))))
            except psycopg.OperationalError as err:  # refused or unreachable: libpq has no SQLSTATE for a login
                time.sleep(attempt.failed(err, "28" if REFUSAL.search(str(err)) else "53" if FULL.search(str(err)) else ""))
            else:
                return attempt.succeeded(connection)

    def renew(self):
        """Read AWSCURRENT once in a lifetime, in the background: no login waits for it."""
        if time.monotonic() - self.read_at > self.lifetime:
            threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """Read AWSCURRENT. Callers that ask at the same time share one read. If it fails, the last value stays in use."""
        asked = time.monotonic()
        with self.lock:
            if self.read_at < asked and (self.current or asked > self.failing.due):
                self.read_at = time.monotonic()
                try:
                    answer = self.get()
                    current = answer["VersionId"], connection_url(answer.get("SecretString", ""), self.key)
                    before, self.current, self.answered_at = self.current, current, time.monotonic()
                    if not before or before[1] != current[1]:
                        self.trial, self.failing, self.full = Retry(1, 40), Retry(0.05, 1), Retry(1, self.lifetime)
                        self.settle()
                except Exception as err:
                    if not self.current:
                        self.unread = err
                        self.failing.later()
            if not self.current:
                raise self.unread.with_traceback(None)
            return self.current

    def read_again(self, retry, seen):
        """Read AWSCURRENT because logins fail, unless it is too early. The pauses grow, however many callers fail. Return the
        newest version."""
        with self.looking:
            if self.current == seen and time.monotonic() > retry.due:
                if time.monotonic() - retry.due > 10:  # the last read because of a failed login is long ago
                    retry.pause = retry.first / 2
                retry.later()
                self.read()
            return self.current

    def get(self):
        try:
            return self.client.get_secret_value(SecretId=self.secret_id, VersionStage="AWSCURRENT")
        except (BotoCoreError, ClientError) as err:
            where = f"the secret {quoted(self.secret_id)} in {self.client.meta.region_name}"
            raise RuntimeError(f"{where} cannot be read: {err}") from err

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
            except Exception:  # this call is lost; the next may work
                pass
            refusal.later()

    def good(self, connection, rested=1):
        """Say whether the connection has the current credential and works. It is tested if it was idle for longer than rested, in
        seconds, or if the server has sent something: that it ends the session, for example."""
        idle, connection.used_at = time.monotonic() - connection.used_at, time.monotonic()
        try:
            if idle > rested or has_news(connection):
                connection.execute("select 1")
                connection.rollback()
        except psycopg.OperationalError:
            return False
        return self.is_current(connection)

    def is_current(self, connection):
        """Say whether the connection has the credential that logged in last. While a newer version waits, this is False now and
        then: the connection is closed, and the login that replaces it tries the newer version."""
        self.renew()
        if connection.secret_version != self.proven[0]:
            return False
        if self.is_trial_due():
            self.trial.wanted = True
            return False
        return True

    def is_trial_due(self):
        due = self.proven not in (None, self.current) and time.monotonic() > self.trial.due
        if due:
            self.trial.later()
        return due


def has_news(connection):
    with selectors.DefaultSelector() as selector:
        selector.register(connection.fileno(), selectors.EVENT_READ)
        return bool(selector.select(0))


class Attempt:
    """The logins of one connect, until one succeeds or the time is over."""

    def __init__(self, secret):
        self.secret, self.deadline, self.error = secret, time.monotonic() + secret.wait, None
        if not secret.current:
            secret.read()
        secret.renew()
        self.begin(secret.trial.wanted or secret.is_trial_due())

    def begin(self, newest_first):
        """Begin a round, which tries the newest version and, if it is another, the one that logged in last."""
        self.newest, proven, self.secret.trial.wanted, self.is_full = self.secret.current, self.secret.proven, False, True
        known = [self.newest] if proven in (None, self.newest) else [self.newest, proven]
        (self.version, self.url), *self.others = known if newest_first else reversed(known)

    def failed(self, err, sqlstate=""):
        """Choose what to try next, and read the secret again after a round. Return how long to sleep before that. Raise the
        newest version's error if the time is over, or if the server is only full."""
        if self.version == self.newest[0]:
            self.error, self.is_refused = err, sqlstate.startswith("28")
        self.is_full = self.is_full and sqlstate.startswith("53")
        if self.others:
            self.version, self.url = self.others.pop()
            return 0
        secret, before = self.secret, self.newest
        hopeless = isinstance(err, ValueError) and secret.proven in (None, before)
        if time.monotonic() > self.deadline or hopeless:
            raise self.error from None
        asked, retry = time.monotonic(), secret.full if self.is_full else secret.failing
        now = secret.read_again(retry, before)
        if self.is_refused and now[1] == before[1] and secret.answered_at >= asked:
            secret.refuse()
        if self.is_full and now == before:
            raise self.error from None
        self.begin(newest_first=True)
        return 0 if now != before else max(0, retry.due - time.monotonic())  # the old password dies before the secret has the new one

    def succeeded(self, connection):
        connection.secret_version, connection.used_at = self.version, time.monotonic()
        if self.secret.proven != self.secret.current:
            self.secret.proven = self.version, self.url
        self.secret.settle()
        return connection


class Retry:
    """When something may happen again: at growing intervals."""

    def __init__(self, first, most):
        self.first, self.most, self.pause, self.due, self.wanted = first, most, first / 2, 0, False

    def later(self):
        self.pause = min(2 * self.pause, self.most)
        self.due = time.monotonic() + jitter(self.pause)


class Refusal(Retry):
    """A credential that the server refuses while the secret has no other."""

    def __init__(self):
        super().__init__(1, 40)  # jitter makes it a minute at most
        self.later()
        self.over = threading.Event()


class SecretPool(ConnectionPool):
    def __init__(self, secret, **options):
        self.secret = secret
        secret.read()  # a wrong name must be an error here: the pool would only try again and again
        connect = classmethod(lambda cls, conninfo="", **options: secret.connect(**options))
        super().__init__(connection_class=type("Connection", (psycopg.Connection,), {"connect": connect}), **options)

    def getconn(self, timeout=None):
        while not self.secret.good(connection := super().getconn(timeout)):
            connection.close()
            self.putconn(connection)  # which opens another
        return connection


def jitter(pause):
    return pause * random.uniform(0.5, 1.5)  # so that many processes do not act at the same time


# What Postgres says with 28P01 and 28000, and with 53300, in English.
REFUSAL = re.compile("authentication failed|is not permitted to log in|role .* does not exist|no pg_hba.conf entry|pg_hba.conf rejects")
FULL = re.compile("too many clients|too many connections|connection slots are reserved")


def secrets_manager():
    quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    try:
        return boto3.client("secretsmanager", config=quick)
    except NoRegionError:
        raise RuntimeError("no Region for Secrets Manager: set AWS_DEFAULT_REGION (boto3 does not read AWS_REGION)") from None


def connection_url(text, key=None):
    """Return the URL under the key. Without a key return the text if it is a URL, the only URL in an object, or the one that
    AWS's own keys make. It asks for TLS, unless it has sslmode=disable. Errors name keys, and quote no value."""
    text = text.strip()
    url, members = text, members_of(text)
    if key and members is None:
        raise ValueError(f"the secret is not a JSON object, so it has no key {quoted(key)}")
    if key and key not in members:
        raise ValueError(f"the secret has no key {quoted(key)}; its keys: {names(members)}")
    if key:
        url = members[key]
    elif text.startswith("{"):
        url = url_of(members or {})
    if isinstance(url, str) and is_split(url):
        raise ValueError(AMBIGUOUS)
    if not isinstance(url, str) or not URL.match(url) or re.search(r"[\x00-\x1f\x7f]", url):
        raise ValueError(no_url(key))
    return with_tls(url)


# A text that libpq splits in another way does not match: libpq would show a part of the password as a host or a port.
URL = re.compile(r"postgres(ql)?://([^/?#@]*@)?(\[[^/?#@\[\]]+\]|[^/?#@:\[\]]+)(:[0-9]*)?([/?#]|$)")


AMBIGUOUS = "the secret's Postgres URL is ambiguous: percent-encode each / ? # @ in its user name, password and database name"


def is_split(url):
    """Say whether a / ? # @ that is not encoded may end the password too early. A part of the password would then be taken for
    the host, and DNS would be asked for it. An @ in the value of a parameter does no harm."""
    found = re.match("postgres(?:ql)?://([^@]*)@(.*)", url)
    return found and (re.search("[/?#]", found[1]) or re.match("([^?]*|[^=]*)@", found[2]))


def no_url(key):
    return f"the secret has no Postgres URL under the key {quoted(key)}" if key else "the secret holds neither a Postgres URL nor an object with one"


def members_of(text):
    try:
        members = json.loads(text, parse_constant=int)  # which refuses NaN and Infinity
        return members if isinstance(members, dict) else None
    except (ValueError, RecursionError):  # its text quotes the secret
        return None


def url_of(members):
    """Return the only URL. If there are two, a person has added one, and only AWS's own keys are certain."""
    found = [name for name, value in members.items() if isinstance(value, str) and re.match("postgres(ql)?://", value)]
    if len(found) == 1:
        return members[found[0]]
    url = url_of_parts(members)
    if found and not url:
        raise ValueError(f"several keys hold one: {names(found)}; choose with key")
    return url


def url_of_parts(members):
    # https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
    members = {name: value for name, value in members.items() if value is not None}
    engine, host, user, password, database = texts = [members.get(name, "") for name in ("engine", "host", "username", "password", "dbname")]
    port = re.fullmatch('0|""|"?([1-9][0-9]{0,4})"?', json.dumps(members.get("port", 0)))  # some tools write it as a text
    if not port or not all(isinstance(text, str) for text in texts):
        return None
    port = int(port[1] or 5432)
    if not host or engine not in ("", "postgres", "postgresql", "aurora-postgresql") or port > 65535:
        return None
    user, password, database = (urllib.parse.quote(text, safe="") for text in (user, password, database))
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"postgres://{user}:{password}@{host}:{port}/{database}"


def with_tls(url):
    """Ask for TLS by libpq's sslmode=require. It does not check the server's certificate, because Heroku's are self-signed."""
    address, _, query = url.partition("?")
    parameters = [one for one in query.split("&") if one and one not in ("sslmode=", "sslmode=allow", "sslmode=prefer")]
    if not any(one.startswith("sslmode=") for one in parameters):
        parameters.append("sslmode=require")
    return address + "?" + "&".join(parameters)


# A name that is not shown has another form, or is long: it could be a credential that was put into the wrong place.
def quoted(key):
    return f'"{key}"' if re.fullmatch("(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]*:[0-9]*:secret:)?[A-Za-z0-9_+=./@-]{1,100}", key) else "(not shown)"


def names(members):
    shown = [quoted(key) for key in sorted(members) if re.fullmatch("[A-Za-z0-9_.-]{1,31}", key)][:10]
    if len(shown) < len(members):
        shown.append(f"{len(members) - len(shown)} not shown")
    return ", ".join(shown) or "none"
