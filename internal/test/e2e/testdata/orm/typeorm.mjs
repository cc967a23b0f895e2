import { DataSource } from "typeorm";

export default (pool) => {
  const driver = { Pool: function () { return pool; } };
  const source = new DataSource({ type: "postgres", driver });
  const ready = source.initialize();
  const query = (on) => on.query("select session_user as user");
  let turn = 0;
  return async () => (await ready, await (turn++ % 2 ? source.transaction(query) : query(source)))[0];
};
