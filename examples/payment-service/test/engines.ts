import { hasServer, startMariaDb, startPostgres, startRedis } from 'kit-tooling/servers';
import { afterAll, beforeAll } from 'vitest';
import { type Platform, startPlatform } from './platform.ts';

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

/** A platform on its own database, for all tests of the block that calls this; it is there when they run. */
export function platformOn(start: NamedEngine['start'], env: Record<string, string> = {}): Platform {
  const platform = {} as Platform;
  let database: Engine | undefined;
  beforeAll(async () => {
    database = await start();
    const started = await startPlatform({ DATABASE_URL: database.url, REDIS_URL: database.redisUrl, ...env });
    // Not a copy: `service` and `partnersLog` change while the tests run.
    Object.defineProperties(platform, Object.getOwnPropertyDescriptors(started));
  });
  afterAll(async () => {
    await platform.stop?.();
    await database?.stop();
  });
  return platform;
}
