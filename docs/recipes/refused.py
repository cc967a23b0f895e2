# Calls keepcurrent for a secret whose credential is refused, by an event on the account's default event bus.
#   pool = SecretPool(Secret("heroku/shop/DATABASE_URL", refused=call_keepcurrent()), max_size=8)
import json, logging
import boto3
from botocore.config import Config


def call_keepcurrent(client=None):
    quick = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2})
    client = client or boto3.client("events", config=quick)

    def call(secret, version):
        detail = json.dumps({"secret": secret, "version": version})
        event = {"Source": "keepcurrent.consumer", "DetailType": "Credential Refused", "Detail": detail}
        try:
            answer = client.put_events(Entries=[event])
            if answer["FailedEntryCount"]:
                raise RuntimeError(answer["Entries"][0].get("ErrorCode"))
        except Exception as err:
            logging.error("the call for secret %s failed: %s", secret, err)

    return call
