import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createTransactionManager } from '@kit/tx';
import { expect, it } from 'vitest';
import { booking } from '../src/domain/ledger/ledger.ts';
import { createPayment } from '../src/domain/payment/payment.ts';
import { homeOf, migrate, openDatabase } from '../src/infrastructure/database.ts';
import { createLedgerRepository } from '../src/infrastructure/ledger-repository.ts';
import { createPaymentRepository } from '../src/infrastructure/payment-repository.ts';

const sources = fileURLToPath(new URL('../src/', import.meta.url));

/** The files below src whose text matches. */
function filesWith(pattern: RegExp): string[] {
  return readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => pattern.test(readFileSync(path, 'utf8')))
    .map((path) => relative(sources, path));
}

it('only use cases open a transaction or a read', () => {
  const opening = filesWith(/\btm\.(run|read|advisoryLock)\b|@(Transactional|ReadOnly)\(|\.transaction\(/);
  expect(opening.length).toBeGreaterThan(0);
  expect(opening.filter((path) => !path.startsWith('application/'))).toEqual([]);
});

it('every query goes through tm.read', () => {
  const queries = filesWith(/Queries\b/).filter((path) => path.startsWith('application/get-'));
  expect(queries.length).toBeGreaterThan(0);
  for (const path of queries) {
    const text = readFileSync(join(sources, path), 'utf8');
    expect({ path, reads: text.includes('tm.read('), runs: text.includes('tm.run(') }).toEqual({
      path,
      reads: true,
      runs: false,
    });
  }
});

it('what several repositories wrote is undone together when the use case fails', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'payment-service-'));
  const url = `sqlite:${join(folder, 'payments.sqlite')}`;
  const knex = openDatabase(url, 1);
  await migrate(knex, true);
  const tm = createTransactionManager({
    primary: knex,
    domain: { name: 'payment', allow: [homeOf(url)], mode: 'strict' },
  });
  const payments = createPaymentRepository(tm.db);
  const ledger = createLedgerRepository(tm.db);
  const now = new Date('2026-11-27T12:00:00Z');
  const payment = createPayment({ id: 'p1', amount: 1_000, currency: 'EUR', customerId: 'c1' }, now);
  const entry = booking({ id: 'p1:charge', kind: 'payment', reference: 'p1', currency: 'EUR' }, 1_000, {
    from: 'merchant',
    to: 'channel',
  });

  const useCase = (fails: boolean) =>
    tm.run(async () => {
      await payments.add(payment);
      await ledger.add(entry, now);
      if (fails) throw new Error('the third step failed');
    });
  await expect(useCase(true)).rejects.toThrow('the third step failed');
  expect(await tm.read(() => payments.find('p1'))).toBeUndefined();
  expect(await tm.read(() => ledger.balances())).toEqual([]);
  await useCase(false);
  expect(await tm.read(() => payments.find('p1'))).toMatchObject({ amount: 1_000, status: 'pending' });

  await tm.close();
  await knex.destroy();
  rmSync(folder, { recursive: true });
});
