# Makes a pool of the Python recipe, and prints the error.
import os
import boto3
import pool

url, first = os.environ["AWS_ENDPOINT_URL_SECRETS_MANAGER"], boto3.client
boto3.client = lambda service, **options: first(service, endpoint_url=url, **options)  # older versions do not read it
try:
    pool.SecretPool(pool.Secret(os.environ["DATABASE_SECRET_ID"]))
except Exception as err:
    print(err)
