import { Redis } from 'ioredis';
import { requireProgram } from './from-path.ts';
import { startServer, type TestServer } from './server-process.ts';

export interface RedisOptions {
  /** Options for redis-server, e.g. `{ appendonly: 'yes' }` for data that survives `restart()`. */
  settings?: Record<string, string>;
}

/** A Redis of the test's own, from the redis-server on PATH. Without persistence unless asked for. */
export async function startRedis(options: RedisOptions = {}): Promise<TestServer> {
  const redisServer = requireProgram('redis');
  return startServer({
    name: 'redis',
    command: (port, dataDir) => ({
      file: redisServer,
      args: Object.entries({
        port: String(port),
        bind: '127.0.0.1',
        dir: dataDir,
        save: '',
        appendonly: 'no',
        ...options.settings,
      }).flatMap(([key, value]) => [`--${key}`, value]),
    }),
    async isReady(port) {
      const redis = new Redis({
        host: '127.0.0.1',
        port,
        lazyConnect: true,
        retryStrategy: () => null,
        connectTimeout: 5_000,
      });
      redis.on('error', () => {});
      try {
        await redis.connect();
        await redis.ping();
      } finally {
        redis.disconnect();
      }
    },
    url: (port) => `redis://127.0.0.1:${port}`,
  });
}
