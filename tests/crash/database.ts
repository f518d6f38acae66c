import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Knex } from 'knex';
import { hasServer, startMariaDb, startPostgres, type TestServer } from 'kit-tooling/servers';
import { type EngineName, openKnex } from './knex.ts';

export const engines: readonly EngineName[] = hasServer('mariadb')
  ? ['postgres', 'mariadb', 'sqlite']
  : ['postgres', 'sqlite'];

export interface CrashDatabase {
  readonly engine: EngineName;
  readonly location: string;
  readonly knex: Knex;
  readonly server: TestServer | undefined;
  close(): Promise<void>;
}

export async function startDatabase(engine: EngineName): Promise<CrashDatabase> {
  const folder = mkdtempSync(join(tmpdir(), 'kit-crash-'));
  const server =
    engine === 'sqlite' ? undefined : await (engine === 'postgres' ? startPostgres() : startMariaDb());
  const location = server?.url ?? join(folder, 'crash.db');
  const knex = openKnex(engine, location);
  return {
    engine,
    location,
    knex,
    server,
    async close() {
      await knex.destroy();
      await server?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
