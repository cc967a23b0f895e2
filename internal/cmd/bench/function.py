"""What one would write in Python: read the config var, put it into the secret.

No fence, no login, no comparison. Each line on the standard input is one
invocation, and gets a line for an answer; so the first one is a cold start.
"""

import json
import os
import sys
import urllib.request

import boto3

secrets = boto3.client("secretsmanager")
token = secrets.get_secret_value(SecretId=os.environ["HEROKU_TOKEN_SECRET_ID"])["SecretString"]


def handler(app, secret):
    request = urllib.request.Request(
        f"{os.environ['HEROKU_API_URL']}/apps/{app}/config-vars",
        headers={"Accept": "application/vnd.heroku+json; version=3", "Authorization": f"Bearer {token}"},
    )
    with urllib.request.urlopen(request) as response:
        url = json.load(response)["DATABASE_URL"]
    secrets.put_secret_value(SecretId=secret, SecretString=url)


for _ in sys.stdin:
    handler(*sys.argv[1:])
    print("done", flush=True)
