import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";

export default (pool) => {
  const db = drizzle({ client: pool });
  const query = (on) => on.execute(sql`select session_user as user`);
  let turn = 0;
  return async () => (await (turn++ % 2 ? db.transaction(query) : query(db))).rows[0];
};
