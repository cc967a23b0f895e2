import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";

export default (pool) => {
  const db = drizzle({ client: pool });
  return async () => (await db.execute(sql`select session_user as user`)).rows[0];
};
