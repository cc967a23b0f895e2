# Gives each secret of the standard input to the Python recipe, and prints a line of JSON
# about it: the port of the URL that the recipe takes, or the error.
import json, sys
import psycopg
from pool import Secret


class Client:
    def __init__(self, value):
        self.value = value

    def get_secret_value(self, SecretId, VersionStage):
        return {"VersionId": "EXAMPLE", "SecretString": self.value}


for case in json.load(sys.stdin):
    secret = Secret("shop/settings", key=case["key"] or None, wait=0, client=Client(case["value"]))
    try:
        port = psycopg.conninfo.conninfo_to_dict(secret.read()[1])["port"]
        print(json.dumps({"port": int(port)}))
    except Exception as err:
        print(json.dumps({"error": str(err)}))
