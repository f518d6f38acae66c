import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createTransactionManager,
  isDanglingQueryError,
  isTransactionClosedError,
  isTransactionHijackedError,
  type Work,
} from '../src/index.js';
import { engines, labels, reasonOf, useEntries } from './support/databases.js';

const count = 500;

describe.each(engines)('streams and generators on %s', (engine) => {
  const { database, knex, tm, add } = useEntries(engine);

  beforeEach(() =>
    knex('entry').insert(Array.from({ length: count }, (_, index) => ({ label: `${index}` }))),
  );
  afterEach(() => {
    if (knex.client.pool.numUsed() > 0) throw new Error('a connection is leaked');
  });

  const rows = () => tm.db('entry').orderBy('id').stream({ highWaterMark: 4 });
  /** A stream of which one row has come. */
  const opened = async (): Promise<Readable> => {
    const stream = rows();
    stream.on('error', () => {});
    await once(stream, 'readable');
    return stream;
  };
  async function* generated() {
    for await (const row of rows()) yield row.label as string;
  }

  describe.each<[string, <T>(fn: Work<T>) => Promise<T>]>([
    ['tm.run', (fn) => tm.run(fn)],
    ['a nested tm.run', (fn) => tm.run(() => tm.run({ propagation: 'NESTED' }, fn))],
    ['tm.read', (fn) => tm.read(fn)],
    ['tm.read with a snapshot', (fn) => tm.read({ snapshot: true }, fn)],
  ])('in %s', (_where, scope) => {
    it('a stream that is read to its end has every row', async () => {
      const seen: string[] = [];
      await scope(async () => {
        for await (const row of rows()) seen.push(row.label);
      });
      expect(seen).toHaveLength(count);
    });

    it('one that is left early lets the statements after it go on', async () => {
      const first = await scope(async () => {
        let label: string | undefined;
        for await (const row of rows()) {
          label = row.label;
          break;
        }
        return [label, await tm.db('entry').count({ n: '*' }).first()];
      });
      expect(first).toEqual(['0', { n: expect.anything() }]);
    });

    it('one that fails rejects whoever reads it', async () => {
      const reason = await reasonOf(
        scope(async () => {
          for await (const row of tm.db('nowhere').stream()) expect(row).toBeUndefined();
        }),
      );
      expect((reason as Error).message).toMatch(/nowhere/);
    });

    it('one whose statement is refused rejects whoever reads it', async () => {
      const reason = await reasonOf(
        scope(async () => {
          for await (const row of tm.db.raw('COMMIT').stream()) expect(row).toBeUndefined();
        }),
      );
      expect(isTransactionHijackedError(reason)).toBe(true);
    });

    it('one that outlives its scope is ended, and refused', async () => {
      let stream: Readable | undefined;
      const reason = await reasonOf(
        scope(async () => {
          stream = await opened();
        }),
      );
      expect(isDanglingQueryError(reason)).toBe(true);
      expect(stream?.destroyed).toBe(true);
      expect(isTransactionClosedError(stream?.errored)).toBe(true);
    });

    it('a generator that holds a stream open is ended, and refused', async () => {
      let generator: AsyncGenerator<string> | undefined;
      const reason = await reasonOf(
        scope(async () => {
          generator = generated();
          await generator.next();
        }),
      );
      expect(isDanglingQueryError(reason)).toBe(true);
      const rest = async () => {
        for await (const label of generator!) expect(label).toBeTypeOf('string');
      };
      expect(isTransactionClosedError(await reasonOf(rest()))).toBe(true);
    });

    it('a generator that is given back is refused: its body would run outside', async () => {
      expect(isDanglingQueryError(await reasonOf(scope(async () => generated())))).toBe(true);
      const plain = async () =>
        (function* () {
          yield tm.db('entry');
        })();
      expect(isDanglingQueryError(await reasonOf(scope(plain)))).toBe(true);
    });

    it('a generator that is consumed inside is part of it', async () => {
      const seen = await scope(async () => {
        const labels: string[] = [];
        for await (const label of generated()) labels.push(label);
        return labels;
      });
      expect(seen).toHaveLength(count);
    });
  });

  it('what a transaction wrote before its stream outlived it is undone', async () => {
    const reason = await reasonOf(
      tm.run(async () => {
        await add('undone');
        await opened();
      }),
    );
    expect(isDanglingQueryError(reason)).toBe(true);
    expect(await labels(knex)).not.toContain('undone');
    await tm.run(() => add('the next one'));
    expect(await labels(knex)).toContain('the next one');
  });

  it('a generator taken on outside its scope goes on there: what follows is not of the transaction', async () => {
    async function* adding() {
      await add('inside');
      yield;
      await add('outside');
    }
    const generator = adding();
    await tm.run(async () => {
      await generator.next();
      tm.setRollbackOnly();
    });
    await generator.next();
    expect((await labels(knex)).slice(count)).toEqual(['outside']);
  });

  it("with dangling: 'await' a stream that somebody reads is waited for", async () => {
    const seen: string[] = [];
    await tm.run({ dangling: 'await' }, async () => {
      rows().on('data', (row: { label: string }) => seen.push(row.label));
    });
    expect(seen).toHaveLength(count);
  });

  it('a timeout ends a stream that nobody reads on', async () => {
    const reason = await reasonOf(
      tm.run({ timeoutMs: 300 }, async () => {
        const stream = await opened();
        await once(stream, 'close');
      }),
    );
    expect(reason).toMatchObject({ code: 'KIT_TX_TIMEOUT' });
    await tm.run(() => add('the next one'));
  });

  if (engine === 'mysql')
    it('one that is left early, and that the server cannot end, costs the next borrower nothing', async () => {
      const single = database.pool({ pool: { min: 0, max: 1 } });
      const manager = createTransactionManager({ name: 'single', primary: single });
      const slow = () =>
        manager.db
          .raw("select repeat('x', 60000) as text, sleep(0.3) from entry limit 400")
          .stream({ highWaterMark: 1 });
      const started = performance.now();
      for (const scope of [manager.read, (fn: () => Promise<void>) => fn()])
        await scope(async () => {
          for await (const row of slow()) {
            expect(row.text).toHaveLength(60_000);
            break;
          }
        });
      expect(await manager.read(() => manager.db('entry').pluck('id'))).toHaveLength(count);
      expect(performance.now() - started).toBeLessThan(100_000);
      await manager.close();
    });

  it('outside every scope a stream is knex’s own, left early or not', async () => {
    const seen: string[] = [];
    for await (const row of rows()) seen.push(row.label);
    expect(seen).toHaveLength(count);
    for await (const row of rows()) {
      expect(row.label).toBe('0');
      break;
    }
    await expect.poll(() => knex.client.pool.numUsed()).toBe(0);
    await add('the next one');
  });
});
