import mysql from 'mysql2/promise';
import pg from 'pg';
import { Redis } from 'ioredis';
import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasServer, startMariaDb, startPostgres, startRedis, type TestServer } from '../src/servers/index.ts';

interface Engine {
  name: string;
  available: boolean;
  start(): Promise<TestServer>;
  /** Asks the server one question over a new connection; rejects when it does not answer in time. */
  ask(server: TestServer): Promise<unknown>;
}

const engines: Engine[] = [
  {
    name: 'PostgreSQL',
    available: true,
    start: () => startPostgres({ settings: { max_connections: '7' } }),
    async ask(server) {
      const client = new pg.Client({
        connectionString: server.url,
        connectionTimeoutMillis: 3_000,
        query_timeout: 3_000,
      });
      client.on('error', () => {});
      try {
        await client.connect();
        return (await client.query('SHOW max_connections')).rows[0].max_connections;
      } finally {
        void client.end();
      }
    },
  },
  {
    name: 'MariaDB',
    available: hasServer('mariadb'),
    start: () => startMariaDb({ settings: { 'max-connections': '17' } }),
    async ask(server) {
      const connection = await mysql.createConnection({ uri: server.url, connectTimeout: 3_000 });
      const [rows] = await connection.query('SELECT @@max_connections AS n');
      connection.destroy();
      return String((rows as { n: number }[])[0]!.n);
    },
  },
  {
    name: 'Redis',
    available: hasServer('redis'),
    start: () => startRedis({ settings: { maxclients: '27' } }),
    async ask(server) {
      const redis = new Redis({
        port: server.port,
        lazyConnect: true,
        retryStrategy: () => null,
        commandTimeout: 3_000,
      });
      redis.on('error', () => {});
      try {
        await redis.connect();
        return (await redis.config('GET', 'maxclients'))[1];
      } finally {
        redis.disconnect();
      }
    },
  },
];

const expected = { PostgreSQL: '7', MariaDB: '17', Redis: '27' } as Record<string, string>;

for (const engine of engines) {
  describe.runIf(engine.available)(`a throw-away ${engine.name}`, () => {
    let server: TestServer;
    beforeAll(async () => {
      server = await engine.start();
    });
    afterAll(() => server?.stop());

    it('answers with the settings it was given', async () => {
      expect(await engine.ask(server)).toBe(expected[engine.name]);
    });

    it('gives no answer while frozen and the same answers once thawed', async () => {
      server.freeze();
      await expect(engine.ask(server)).rejects.toThrow();
      server.thaw();
      expect(await engine.ask(server)).toBe(expected[engine.name]);
    });

    it('comes back on the same port after a kill', async () => {
      const { port } = server;
      await server.kill();
      await expect(engine.ask(server)).rejects.toThrow();
      await server.restart();
      expect(server.port).toBe(port);
      expect(await engine.ask(server)).toBe(expected[engine.name]);
    });

    it('leaves no data behind when it is stopped', async () => {
      await server.stop();
      expect(existsSync(server.dataDir)).toBe(false);
    });
  });
}
