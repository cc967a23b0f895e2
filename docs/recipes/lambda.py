# A Lambda function that reads the secret itself (handler: lambda.handler). Its connection lives as long as the environment,
# and is tested at each invocation: Lambda may have frozen the environment for long.
import os
from pool import Secret

secret, connection = Secret(os.environ["DATABASE_SECRET_ID"]), None


def handler(event, context):
    global connection
    if connection and not secret.good(connection, rested=0):
        connection.close()
        connection = None
    connection = connection or secret.connect(autocommit=True)
    return connection.execute("select session_user").fetchone()[0]
