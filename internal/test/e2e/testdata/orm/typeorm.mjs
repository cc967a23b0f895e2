import { DataSource } from "typeorm";

export default (pool) => {
  const driver = { Pool: function () { return pool; } };
  const source = new DataSource({ type: "postgres", driver });
  const ready = source.initialize();
  return async () => (await ready, await source.query("select session_user as user"))[0];
};
