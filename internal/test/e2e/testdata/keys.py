# Gives each secret of the standard input to the Python recipe, and prints a line of JSON
# about it: the parts of the URL that the recipe takes, or the error.
import json, sys
from types import SimpleNamespace
from psycopg.conninfo import conninfo_to_dict
from pool import Secret


class Client:
    def __init__(self, value):
        self.value = value

    def get_secret_value(self, SecretId, VersionStage):
        return {"VersionId": "EXAMPLE", "SecretString": self.value}


for case in json.load(sys.stdin):
    secret = Secret("shop/settings", key=case["key"] or None, wait=0, client=Client(case["value"]))
    try:
        login = secret.connect(lambda url, **options: SimpleNamespace(**conninfo_to_dict(url)))
        print(json.dumps({"port": int(login.port), "host": login.host, "sslmode": login.sslmode}))
    except Exception as err:
        print(json.dumps({"error": str(err)}))
