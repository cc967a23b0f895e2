// A Lambda function that reads the secret itself. Its pool lives as long as the environment.
import { SecretPool, readSecret } from "./pool.mjs";

const pool = new SecretPool(readSecret(process.env.DATABASE_SECRET_ID), { max: 1 });

export async function handler() {
  const { rows } = await pool.query("select now()");
  return rows[0];
}
