# Uses the Python recipe as its reader would: four workers query all the time, and a line
# of JSON says how each query went. It ends with its standard input.
import json, logging, os, sys, threading, time
import boto3, psycopg
from botocore.config import Config
from pool import Secret, SecretPool

logging.basicConfig()
# As the recipe's own, at an address that older versions of boto3 do not read by themselves.
quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
client = boto3.client("secretsmanager", config=quick, endpoint_url=os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"])
lifetime, wait = int(os.environ.get("LIFETIME", 60_000)) / 1000, int(os.environ.get("WAIT", 10_000)) / 1000


def write(**line):
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def hook():
    from refused import call_keepcurrent

    call = call_keepcurrent(boto3.client("events", config=quick, endpoint_url=os.environ["AWS_ENDPOINT_URL_EVENTBRIDGE"]))

    def refused(secret, version):
        write(called=secret, version=version, at=int(time.time() * 1000))
        call(secret, version)
        if "THROWS" in os.environ:
            raise RuntimeError("EXAMPLE")

    return refused


refused = hook() if "AWS_ENDPOINT_URL_EVENTBRIDGE" in os.environ else None
secret = Secret(os.environ["DATABASE_SECRET_ID"], key=os.environ.get("KEY"), lifetime=lifetime, wait=wait, client=client, refused=refused)
pool = SecretPool(secret, max_size=4)


def rest():
    """With REST all workers wake at the same moments: see program.mjs."""
    apart = int(os.environ.get("REST", 0)) / 1000
    time.sleep(2 * apart - time.time() % apart if apart else 0.02)


def work(worker):
    while True:
        answer = {"worker": worker, "began": int(time.time() * 1000)}
        try:
            with pool.connection() as connection:
                answer["user"] = connection.execute("select session_user").fetchone()[0]
        except psycopg.Error as err:
            answer["error"] = err.sqlstate or str(err)
        write(**answer)
        rest()


for i in range(4):
    threading.Thread(target=work, args=[i], daemon=True).start()
sys.stdin.read()
print(pool, vars(pool), flush=True)
os._exit(0)
