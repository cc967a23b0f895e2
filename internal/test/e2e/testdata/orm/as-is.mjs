// Programs as they run at Heroku: they have the URL from their environment, and say that the
// server's certificate is not to be checked. The line of JSON says what comes of each: a code, or "" if it
// works.
import { PrismaPg } from "@prisma/adapter-pg";
import { drizzle } from "drizzle-orm/node-postgres";
import knex from "knex";
import pg from "pg";
import { Sequelize } from "sequelize";
import { DataSource } from "typeorm";

const connectionString = process.env.DATABASE_URL;
const ssl = { rejectUnauthorized: false };
const query = "select 1 as one";
const programs = {
  "pg": () => new pg.Pool({ connectionString, ssl }).query(query),
  "pg alone": () => new pg.Pool({ connectionString }).query(query),
  "Knex": () => knex({ client: "pg", connection: { connectionString, ssl } }).raw(query),
  "Sequelize": () => new Sequelize(connectionString, { dialectOptions: { ssl }, logging: false }).query(query),
  "TypeORM": () => new DataSource({ type: "postgres", url: connectionString, ssl }).initialize(),
  "Prisma": async () => (await new PrismaPg({ connectionString, ssl }).connect()).queryRaw({ sql: query, args: [], argTypes: [] }),
  "Drizzle": () => drizzle({ connection: { connectionString, ssl } }).execute(query),
};
const answers = {};
for (const [program, run] of Object.entries(programs)) {
  answers[program] = await run().then(() => "", codeOf);
}
console.log(JSON.stringify(answers));
process.exit();

// An ORM hides the error of pg in its own.
function codeOf(err) {
  const inner = err.cause ?? err.parent;
  return err.code ?? inner?.code ?? inner?.originalCode ?? err.message;
}
