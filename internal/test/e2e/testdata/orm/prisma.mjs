// Prisma's client needs code that its generator makes; this is what it asks of its adapter.
import { PrismaPg } from "@prisma/adapter-pg";

export default (pool) => {
  const adapter = new PrismaPg(pool);
  const ready = adapter.connect();
  return async () => {
    const { rows } = await (await ready).queryRaw({ sql: "select session_user::text", args: [], argTypes: [] });
    return { user: rows[0][0] };
  };
};
