import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createGate, type Level } from '../src/gate.js';

const root: Level = { parent: undefined, label: 'root' };
const nested: Level = { parent: root, label: 'nested' };
const owner = {};

/** Work that ends when it is told to. */
function createWork() {
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  return { run: () => ended, end };
}

describe('createGate', () => {
  it('runs one at a time, in the order in which they came', async () => {
    const gate = createGate(root, 1_000);
    const order: string[] = [];
    const first = createWork();
    const running = [
      gate.run(root, owner, first.run),
      ...['second', 'third'].map((name) => gate.run(root, owner, async () => void order.push(name))),
    ];
    expect([gate.busy, order]).toEqual([true, []]);
    first.end();
    await Promise.all(running);
    expect([gate.busy, order]).toEqual([false, ['second', 'third']]);
  });

  it('lets the scopes around wait until the nested one is closed', async () => {
    const gate = createGate(root, 1_000);
    const order: string[] = [];
    await gate.open(nested, owner, async () => {});
    const outer = gate.run(root, owner, async () => void order.push('outer'));
    await gate.run(nested, owner, async () => void order.push('inner'));
    await gate.close(nested, owner, async () => void order.push('closed'));
    await outer;
    expect(order).toEqual(['inner', 'closed', 'outer']);
    expect(gate.top).toBe(root);
  });

  it('gives up what waits for a nested scope in which nothing runs, and nothing else', async () => {
    const gate = createGate(root, 30);
    await gate.open(nested, owner, async () => {});
    await expect(gate.run(root, owner, async () => {})).rejects.toMatchObject({ code: 'KIT_TX_TIMEOUT' });
    expect(await gate.run(nested, owner, async () => 'goes on')).toBe('goes on');
  });

  it('does not give up what waits for a statement, however long that takes', async () => {
    const gate = createGate(root, 10);
    const slow = gate.run(root, owner, () => delay(60));
    expect(await gate.run(root, owner, async () => 'in the end')).toBe('in the end');
    await slow;
  });

  it('never runs what its owner has dropped, and leaves that of others', async () => {
    const gate = createGate(root, 1_000);
    const ran: string[] = [];
    const first = createWork();
    const running = gate.run(root, owner, first.run);
    const leaver = {};
    const dropped = gate.run(root, leaver, async () => void ran.push('dropped'));
    const kept = gate.run(root, owner, async () => void ran.push('kept'));
    gate.drop(leaver, new Error('the scope is closed'));
    await expect(dropped).rejects.toThrow('the scope is closed');
    first.end();
    await Promise.all([running, kept]);
    expect(ran).toEqual(['kept']);
  });

  it('once it has failed rejects what waits and all that comes, with the first reason', async () => {
    const gate = createGate(root, 1_000);
    const first = createWork();
    const running = gate.run(root, owner, first.run);
    const waiting = gate.run(root, owner, async () => {});
    gate.fail(new Error('connection lost'));
    gate.fail(new Error('closed'));
    await expect(waiting).rejects.toThrow('connection lost');
    await expect(gate.run(root, owner, async () => {})).rejects.toThrow('connection lost');
    first.end();
    await running;
  });

  it('says when nothing runs, also after work that failed', async () => {
    const gate = createGate(root, 1_000);
    const failing = gate.run(root, owner, () => delay(5).then(() => Promise.reject(new Error('x'))));
    const seen: string[] = [];
    const idle = gate.idle().then(() => seen.push('idle'));
    await expect(failing).rejects.toThrow('x');
    await idle;
    expect([gate.busy, seen]).toEqual([false, ['idle']]);
  });
});
