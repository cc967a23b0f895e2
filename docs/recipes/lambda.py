# A Lambda function that reads the secret itself (handler: lambda.handler). Its connection outlives an invocation, with its
# environment, and is tested at each: it may have been frozen for long.
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
