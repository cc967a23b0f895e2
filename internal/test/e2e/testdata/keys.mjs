// Gives each secret of the standard input to a pool of the Node recipe, and prints a line of
// JSON about it: the address that the pool connects to, where nothing listens, or the error.
import { text } from "node:stream/consumers";
import { SecretPool } from "./pool.mjs";

for (const { value, key } of JSON.parse(await text(process.stdin))) {
  const pool = new SecretPool(async () => value, { key: key || undefined, wait: 0 });
  const err = await pool.connect().catch((err) => err);
  console.log(JSON.stringify(err.port ? { port: err.port, host: err.address } : { error: err.message }));
}
