# Ends one of two sessions, and prints which of them the Python recipe would still use.
import os, select
import boto3
from pool import Secret

secret = Secret(os.environ["DATABASE_SECRET_ID"], client=boto3.client("secretsmanager", endpoint_url=os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"]))
cut, other = secret.connect(), secret.connect()
other.execute("select pg_terminate_backend(%s)", [cut.info.backend_pid])
select.select([cut], [], [])
print(secret.good(cut, rested=60), secret.good(other, rested=60))
