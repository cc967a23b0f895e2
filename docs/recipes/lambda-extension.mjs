// A Lambda function that reads the secret by the AWS Parameters and Secrets extension the first time, and from Secrets Manager
// later. The extension keeps a value for up to five minutes, and nothing tells it of a refused login.
import { SecretPool, readSecret } from "./pool.mjs";

const id = process.env.DATABASE_SECRET_ID;
const port = process.env.PARAMETERS_SECRETS_EXTENSION_HTTP_PORT ?? 2773;

async function cached() {
  const query = new URLSearchParams({ secretId: id, versionStage: "AWSCURRENT" });
  const response = await fetch(`http://localhost:${port}/secretsmanager/get?${query}`, {
    headers: { "X-Aws-Parameters-Secrets-Token": process.env.AWS_SESSION_TOKEN },
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) throw new Error(`the extension answers ${response.status}`);
  return (await response.json()).SecretString;
}

let read = async () => {
  const text = await cached();
  read = readSecret(id);
  return text;
};
const pool = new SecretPool(() => read(), { max: 1 });

export async function handler() {
  const { rows } = await pool.query("select now()");
  return rows[0];
}
