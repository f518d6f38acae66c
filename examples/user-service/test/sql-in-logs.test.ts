import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readConfig } from '../src/config.ts';
import { openDatabase } from '../src/database.ts';
import { engines } from './engines.ts';

describe.each(engines)('an error of the database on $engine', ({ start }) => {
  it('has the statement and none of its values, since it is logged', async () => {
    const engine = await start();
    const folder = mkdtempSync(join(tmpdir(), 'users-sql-'));
    const { knex, close } = await openDatabase(readConfig({ DATA_DIR: folder, ...engine.env }));
    try {
      const error: unknown = await knex('no_such_table')
        .where({ email: 'ann@example.com' })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).toContain('no_such_table');
      expect(String(error)).not.toContain('ann@example.com');
    } finally {
      await close();
      await engine.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
