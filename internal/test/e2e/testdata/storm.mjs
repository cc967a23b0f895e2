// Lets many callers ask a pool of the Node recipe for connections that it cannot have, for two
// seconds, and prints how often it has read the secret.
import { setTimeout as sleep } from "node:timers/promises";
import { SecretPool } from "./pool.mjs";

const { DATABASE_URL: url } = process.env;
let reads = 0;
const read = async () => {
  reads++;
  if (!url) throw new Error("EXAMPLE");
  return url;
};
const pool = new SecretPool(read, { max: 8, wait: 200 });
const errors = {}, began = Date.now(), elapsed = () => Date.now() - began;
async function ask() {
  while (elapsed() < 2000) {
    const err = await pool.connect().catch((err) => err);
    errors[err.code ?? err.message] = true;
    await sleep(10);
  }
}
await Promise.all(Array.from({ length: 30 }, ask));
console.log(JSON.stringify({ reads, elapsed: elapsed(), errors: Object.keys(errors) }));
process.exit();
