import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { TestServer } from './server-process.ts';

/** A database of its own on a PostgreSQL that runs already, for many workers that would each start one. */
export async function createDatabase(serverUrl: string): Promise<TestServer> {
  const name = `kit_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const refuse = () => {
    throw new Error('this PostgreSQL is shared: a test that stops it needs one of its own');
  };
  return {
    host: '127.0.0.1',
    port: Number(url.port),
    url: url.href,
    dataDir: '',
    stop: async () => {},
    kill: refuse,
    restart: refuse,
    freeze: refuse,
    thaw: refuse,
  };
}
