import { ConnectionError, Sequelize } from "sequelize";

export default (pool) => {
  const beforeConnect = async (config) => {
    const { user: username, ssl, options, ...settings } = await pool.settings();
    Object.assign(config, { username, ...settings, dialectOptions: { ssl, options } });
  };
  const validate = (connection) => !connection._invalid && !connection._ending && pool.isCurrent(connection);
  const sequelize = new Sequelize({
    dialect: "postgres",
    hooks: { beforeConnect },
    pool: { max: 8, validate },
    retry: { match: [ConnectionError], max: 3 }, // no query was sent
  });
  return () => sequelize.query("select session_user as user", { plain: true, logging: false });
};
