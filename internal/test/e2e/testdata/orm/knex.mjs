import knex from "knex";

export default (pool) => {
  const db = knex({ client: "pg", connectionPool: pool });
  return async () => (await db.select(db.raw("session_user as user")))[0];
};
