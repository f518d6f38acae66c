import { describe, expect, it } from 'vitest';
import { createAdmission } from '../src/admission.js';

type Client = Parameters<typeof createAdmission>[0];
/** What admission reads of a knex client: the size of the pool and how long one waits for it. */
const clientOf = (max: number, acquireTimeoutMillis = 10_000) =>
  ({ pool: { max, acquireTimeoutMillis }, config: {} }) as unknown as Client;

/** Who asked, in the order in which they came in. */
function createLine(admission: ReturnType<typeof createAdmission>) {
  const came: string[] = [];
  const leaves: Record<string, () => void> = {};
  const ask = (name: string, depth: number, maxDepth = 2) =>
    admission.enter(depth, maxDepth).then((leave) => {
      came.push(name);
      leaves[name] = leave;
    });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return { came, ask, settle, leave: (name: string) => leaves[name]!() };
}

describe('createAdmission', () => {
  it('keeps the last connection for those who hold one already', async () => {
    const admission = createAdmission(clientOf(3));
    const { came, ask, settle, leave } = createLine(admission);
    await Promise.all([ask('a', 1), ask('b', 1)]);
    void ask('c', 1);
    await settle();
    expect([came, admission.held]).toEqual([['a', 'b'], 2]);
    await ask('a again', 2);
    expect(admission.held).toBe(3);
    leave('a again');
    await settle();
    expect(came).not.toContain('c');
    leave('a');
    await settle();
    expect([came.at(-1), admission.held]).toEqual(['c', 2]);
  });

  it('admits the deepest first, and those of one depth in the order in which they came', async () => {
    const { came, ask, settle, leave } = createLine(createAdmission(clientOf(2)));
    await ask('a', 1);
    await ask('a again', 2);
    void ask('b', 1);
    void ask('c', 1);
    void ask('d again', 2);
    await settle();
    leave('a again');
    await settle();
    expect(came).toEqual(['a', 'a again', 'd again']);
    leave('d again');
    leave('a');
    await settle();
    expect(came.slice(3)).toEqual(['b']);
    leave('b');
    await settle();
    expect(came.slice(3)).toEqual(['b', 'c']);
  });

  it('lets nobody overtake who waits', async () => {
    const admission = createAdmission(clientOf(1));
    const { came, ask, settle, leave } = createLine(admission);
    await ask('a', 1);
    void ask('b', 1);
    leave('a');
    void ask('c', 1);
    await settle();
    expect(came).toEqual(['a', 'b']);
    leave('b');
    leave('b');
    await settle();
    expect([came, admission.held]).toEqual([['a', 'b', 'c'], 1]);
  });

  it('gives up after the time of the pool, and admits the next in its place', async () => {
    const admission = createAdmission(clientOf(1, 30));
    const leave = await admission.enter(1, 2);
    await expect(admission.enter(1, 2)).rejects.toMatchObject({
      code: 'KIT_TX_TIMEOUT',
      message: 'No connection came free within 30 ms: 1 of 1 are held by transactions',
    });
    const next = admission.enter(1, 2);
    leave();
    (await next)();
    expect(admission.held).toBe(0);
  });

  it('gives up when the caller does, and only that one', async () => {
    const admission = createAdmission(clientOf(1));
    const leave = await admission.enter(1, 2);
    const abort = Promise.withResolvers<never>();
    const given = admission.enter(1, 2, abort.promise);
    const other = admission.enter(1, 2);
    abort.reject(new Error('aborted'));
    await expect(given).rejects.toThrow('aborted');
    leave();
    (await other)();
    expect(admission.held).toBe(0);
  });

  it.each([
    [clientOf(1), 2, 2, undefined, 'holds 1 connection(s) asks for one more, but the pool has 1'],
    [clientOf(9), 3, 2, undefined, 'holds 2 connection(s) asks for one more, but maxDepth is 2'],
    [clientOf(9), 2, 2, 1, 'the pool has 1'],
  ])('refuses what can never come', async (client, depth, maxDepth, most, message) => {
    await expect(createAdmission(client, most).enter(depth, maxDepth)).rejects.toMatchObject({
      code: 'KIT_TX_POOL_DEADLOCK',
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ['a pool of pg', { connectionPool: { options: { max: 2 } } }, 2],
    ['a pool of mysql2', { connectionPool: { config: { connectionLimit: 3 } } }, 3],
    ['no pool that says', {}, 10],
  ])('counts with %s', async (_case, config, most) => {
    const admission = createAdmission({ config } as unknown as Client);
    await Promise.all(Array.from({ length: most }, () => admission.enter(1, 1)));
    const late = Promise.withResolvers<never>();
    const waiting = admission.enter(1, 1, late.promise);
    expect(admission.held).toBe(most);
    late.reject(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
  });
});
