import { hasServer, startMariaDb, startPostgres, startRedis } from 'kit-tooling/servers';

/** What a scenario runs on; an empty URL is the embedded default. */
export interface Engine {
  url: string;
  redisUrl: string;
  stop(): Promise<void>;
}

interface NamedEngine {
  engine: string;
  start(): Promise<Engine>;
}

const sqlite: NamedEngine = {
  engine: 'SQLite',
  start: async () => ({ url: '', redisUrl: '', stop: async () => {} }),
};

const postgres: NamedEngine = {
  engine: hasServer('redis') ? 'PostgreSQL and Redis' : 'PostgreSQL',
  async start() {
    const database = await startPostgres();
    const redis = hasServer('redis') ? await startRedis() : undefined;
    return {
      url: database.url,
      redisUrl: redis?.url ?? '',
      stop: async () => void (await Promise.all([database.stop(), redis?.stop()])),
    };
  },
};

const mariadb: NamedEngine = {
  engine: 'MariaDB',
  async start() {
    const database = await startMariaDb();
    return { url: database.url, redisUrl: '', stop: () => database.stop() };
  },
};

/** The embedded default, and what most run in production. */
export const engines: NamedEngine[] = [sqlite, postgres];

/** MariaDB as well, for what depends on the SQL. */
export const allEngines: NamedEngine[] = [...engines, ...(hasServer('mariadb') ? [mariadb] : [])];
