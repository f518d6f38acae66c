import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openDatabase } from '../src/infrastructure/database.ts';
import { allEngines } from './engines.ts';

describe.each(allEngines)('an error of the database on $engine', ({ start }) => {
  it('has the statement and none of its values, since it is logged', async () => {
    const engine = await start();
    const folder = mkdtempSync(join(tmpdir(), 'payment-sql-'));
    const knex = openDatabase(engine.url || `sqlite:${join(folder, 'payment.sqlite')}`, 2);
    try {
      const error: unknown = await knex('no_such_table')
        .where({ email: 'ann@example.com' })
        .catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).toContain('no_such_table');
      expect(String(error)).not.toContain('ann@example.com');
    } finally {
      await knex.destroy();
      await engine.stop();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
