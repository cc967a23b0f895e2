# Connects twice with the Python recipe while Secrets Manager answers no read but the first, and
# prints whether a connection has to wait for a later one.
import os, threading
from pool import Secret

connected, answered, late = threading.Event(), threading.Event(), []


class Client:
    first = True

    def get_secret_value(self, SecretId, VersionStage):
        if not Client.first:
            late.append(not connected.wait(10))
            answered.set()
        Client.first = False
        return {"VersionId": "EXAMPLE", "SecretString": os.environ["DATABASE_URL"]}


secret = Secret("shop/database", lifetime=0, client=Client())
secret.connect()
secret.connect()
connected.set()
answered.wait(20)
print("a connection waited for a later read:", any(late))
