# Lets many threads ask the Python recipe for connections that it cannot have, for two
# seconds, and prints how often it has read the secret.
import json, os, threading, time
from pool import Secret

url, errors, began = os.environ["DATABASE_URL"], set(), time.monotonic()


class Client:
    reads = 0

    def get_secret_value(self, SecretId, VersionStage):
        Client.reads += 1
        if not url:
            raise ValueError("EXAMPLE")
        return {"VersionId": "EXAMPLE", "SecretString": url}


secret = Secret("shop/database", wait=0.2, client=Client())


def elapsed():
    return int(1000 * (time.monotonic() - began))


def ask():
    while elapsed() < 2000:
        try:
            secret.connect()
        except Exception as err:
            errors.add(str(err))
        time.sleep(0.01)


threads = [threading.Thread(target=ask) for _ in range(30)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps({"reads": Client.reads, "elapsed": elapsed(), "errors": sorted(errors)}))
