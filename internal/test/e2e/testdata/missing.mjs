// Asks a pool of the Node recipe for an ORM's settings while a file that the URL names is
// missing: from the start, and after the first read. Prints the error and the number of reads.
import { rm, writeFile } from "node:fs/promises";
import { SecretPool } from "./pool.mjs";

for (const from of [1, 2]) {
  let reads = 0;
  await writeFile("root.crt", "EXAMPLE");
  const read = async () => {
    if (++reads === from) await rm("root.crt");
    if (reads > 3) process.exit(console.log("it waits"));
    return "postgres://u:EXAMPLE@127.0.0.1:1/d?sslmode=verify-ca&sslrootcert=root.crt"; // where nothing listens
  };
  const err = await new SecretPool(read, { wait: 600_000 }).settings().catch((err) => err);
  console.log(err.code, reads);
}
