// Uses a Node recipe as its reader would: four workers query all the time, and a line of
// JSON says how each query went. It ends with its standard input.
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import pg from "pg";
import { SecretPool, readSecret } from "./pool.mjs";
import { callKeepcurrent } from "./refused.mjs";

const { env } = process;
const options = { max: 5, key: env.KEY, lifetime: Number(env.LIFETIME ?? 60_000), wait: Number(env.WAIT ?? 10_000) };
if (env.AWS_ENDPOINT_URL_EVENTBRIDGE) {
  const call = callKeepcurrent();
  options.refused = async (called, version) => {
    console.log(JSON.stringify({ called, version, at: Date.now() }));
    await call(called, version);
    if (env.THROWS) throw new Error("EXAMPLE");
  };
}
const alone = (pool) => async () => (await pool.query("select session_user as user")).rows[0];
const oneByOne = (pool) => async () => {
  const client = new pg.Client(await pool.settings());
  client.on("error", () => {}); // else Node ends if the session is cut while it does nothing
  await client.connect();
  const { rows } = await client.query("select session_user as user");
  await client.end();
  return rows[0];
};
const ways = { secret: alone, file: alone, client: oneByOne };
let pool, query;
if (env.WAY.endsWith(".mjs")) query = (await import("./" + env.WAY)).handler;
else {
  const file = () => (console.log("read"), readFile(env.DATABASE_FILE, "utf8"));
  pool = new SecretPool(env.WAY === "file" ? file : readSecret(env.DATABASE_SECRET_ID), options);
  query = (ways[env.WAY] ?? (await import(`./${env.WAY}.mjs`)).default)(pool); // an ORM
}

// With REST all workers wake at the same moments, at least REST apart, so that each
// connection has rested for that long when it is used again.
const rest = () => sleep(env.REST ? 2 * env.REST - (Date.now() % env.REST) : 20);

const held = await pool?.connect(); // all the time, so that its session is cut, too
async function work(worker) {
  for (;; await rest()) {
    const answer = { worker, began: Date.now() };
    await query().then((row) => { answer.user = row.user; }, (err) => { answer.error = codeOf(err); });
    console.log(JSON.stringify(answer));
  }
}
// An ORM hides the server's error in its own.
const codeOf = (err) => err.code ?? (err.cause ?? err.parent ? codeOf(err.cause ?? err.parent) : err.message);
[0, 1, 2, 3].map(work);
process.stdin.resume().on("end", () => {
  console.log(inspect([pool, held], { depth: 9 }));
  process.exit();
});
