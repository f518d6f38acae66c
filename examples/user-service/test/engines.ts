import { hasServer, startPostgres, startRedis, type TestServer } from 'kit-tooling/servers';
import knexFactory from 'knex';

/** What a scenario runs on, as the environment says it. */
export interface Engine {
  env: Record<string, string>;
  redis?: TestServer | undefined;
  stop(): Promise<void>;
}

/** The embedded default, and what most run in production. */
export const engines: { engine: string; start(): Promise<Engine> }[] = [
  { engine: 'SQLite', start: async () => ({ env: {}, stop: async () => {} }) },
  {
    engine: hasServer('redis') ? 'PostgreSQL and Redis' : 'PostgreSQL',
    async start() {
      const [database, redis] = await Promise.all([
        startPostgres(),
        hasServer('redis') ? startRedis() : undefined,
      ]);
      const root = knexFactory({ client: 'pg', connection: database.url });
      await root.raw('create database users');
      await root.destroy();
      return {
        redis,
        env: {
          USER_DATABASE_URL: database.url.replace(/\/postgres$/, '/users'),
          ...(redis && { REDIS_URL: redis.url }),
        },
        stop: async () => void (await Promise.all([database.stop(), redis?.stop()])),
      };
    },
  },
];
