import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClock } from 'kit-tooling/clock';
import { recordChannels } from 'kit-tooling/channels';
import { describe, expect, it } from 'vitest';
import { createAuditLog, getTrace, runWithTrace, verifyAuditLog, type AnomalyEvent } from '../src/index.js';

const newPath = () => join(mkdtempSync(join(tmpdir(), 'kit-audit-')), 'logs', 'audit.log');
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, any>);

const request = (remoteAddress: string, forwarded?: string) =>
  ({
    method: 'POST',
    url: '/payments?token=abc',
    socket: { remoteAddress },
    headers: { 'user-agent': 'curl/8', ...(forwarded ? { 'x-forwarded-for': forwarded } : {}) },
  }) as never;

describe('createAuditLog', () => {
  it('writes who did what, when, and in which trace', async () => {
    const path = newPath();
    const audit = createAuditLog({ path, now: () => Date.UTC(2026, 10, 21) });
    const traceId = runWithTrace({}, () => {
      audit.record({ request: request('10.1.2.3'), status: 201, userId: 'u-17', amount: 12 });
      return getTrace()!.traceId;
    });
    await audit.close();
    expect(linesOf(path)).toMatchObject([
      {
        timestamp: '2026-11-21T00:00:00.000Z',
        ip: '10.1.2.3',
        userAgent: 'curl/8',
        method: 'POST',
        path: '/payments',
        status: 201,
        userId: 'u-17',
        traceId,
        amount: 12,
        sensitiveDataDetected: false,
      },
    ]);
  });

  it('masks what is secret and says that it was there', async () => {
    const lines: string[] = [];
    const audit = createAuditLog({ sink: (line) => void lines.push(line) });
    audit.record({ path: '/login', body: { password: 'hunter2', nested: [{ card: '4111111111111111' }] } });
    audit.record({ path: '/login', body: { name: 'ann' } });
    await audit.flush();
    expect(lines[0]).not.toContain('hunter2');
    expect(lines[0]).not.toContain('411111111111');
    expect(lines.map((line) => JSON.parse(line).sensitiveDataDetected)).toEqual([true, false]);
  });

  it('believes X-Forwarded-For of trusted proxies only, from the right', async () => {
    const lines: string[] = [];
    const audit = createAuditLog({ sink: (line) => lines.push(line) as never, trustProxies: ['10.0.0.0/8'] });
    audit.record({ request: request('::ffff:10.0.0.1', '1.1.1.1, 2.2.2.2, 10.0.0.7') });
    audit.record({ request: request('8.8.8.8', '1.1.1.1') });
    audit.record({ request: request('10.0.0.1', '1.1.1.1, nonsense') });
    audit.record({ request: request('10.0.0.1') });
    await audit.flush();
    expect(lines.map((line) => JSON.parse(line).ip)).toEqual(['2.2.2.2', '8.8.8.8', '10.0.0.1', '10.0.0.1']);
  });

  it('survives what JSON cannot hold', async () => {
    const lines: string[] = [];
    const audit = createAuditLog({ sink: (line) => void lines.push(line) });
    const cyclic: Record<string, unknown> = { big: 10n };
    cyclic.self = cyclic;
    audit.record({ cyclic });
    await audit.flush();
    expect(JSON.parse(lines[0]!)).toMatchObject({ cyclic: { big: '10', self: '[circular]' } });
  });

  it('keeps the chain whole whatever an entry brings', async () => {
    const path = newPath();
    const audit = createAuditLog({ path });
    audit.record({ ip: '10.0.0.1', hash: 'forged', previousHash: 'forged', lostRecords: 7 });
    audit.record({ ip: '10.0.0.2', toJSON: () => ({ ip: 'forged' }) });
    audit.record({
      ip: '10.0.0.3',
      get broken(): string {
        throw new Error('no');
      },
    });
    audit.record(undefined as never);
    audit.record({ request: {} as never });
    await audit.close();
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 5 });
    expect(linesOf(path)).toMatchObject([
      { ip: '10.0.0.1', _hash: 'forged', _previousHash: 'forged', _lostRecords: 7 },
      { ip: '10.0.0.2' },
      { ip: '10.0.0.3', broken: '[unreadable]' },
      {},
      {},
    ]);
  });

  it('keeps records in order with a slow sink', async () => {
    const seen: number[] = [];
    const audit = createAuditLog({
      sink: async (line) => {
        const { n } = JSON.parse(line) as { n: number };
        await new Promise((resolve) => setTimeout(resolve, n === 0 ? 20 : 0));
        seen.push(n);
      },
    });
    for (let n = 0; n < 5; n++) audit.record({ n });
    await audit.flush();
    expect(seen).toEqual([0, 1, 2, 3, 4]);
  });

  it('writes again what a sink refused, without a gap in the chain', async () => {
    const lines: string[] = [];
    let broken = true;
    const audit = createAuditLog({
      sink: (line) => {
        if (broken) throw new Error('sink is down');
        lines.push(line);
      },
    });
    audit.record({ n: 1 });
    audit.record({ n: 2 });
    await expect(audit.flush()).rejects.toThrow('sink is down');
    broken = false;
    await audit.flush();
    const path = newPath().replace('logs/', '');
    writeFileSync(path, lines.join(''));
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 2 });
  });

  it('keeps at most 10,000 records for a sink that is down, and counts the others', async () => {
    const lines: string[] = [];
    let broken = true;
    const audit = createAuditLog({
      sink: async (line) => {
        if (broken) throw new Error('down');
        lines.push(line);
      },
    });
    for (let n = 0; n < 10_500; n++) audit.record({ n });
    await expect(audit.flush()).rejects.toThrow('down');
    broken = false;
    await audit.flush();
    expect(lines).toHaveLength(10_000);
    expect(JSON.parse(lines[0]!)).toMatchObject({ n: 0, lostRecords: 500 });
  });

  it('records nothing after close', async () => {
    const path = newPath();
    await using audit = createAuditLog({ path });
    audit.record({ n: 1 });
    await audit.close();
    audit.record({ n: 2 });
    expect(linesOf(path)).toHaveLength(1);
  });

  it('does not throw for a file it cannot write, and writes once it can', async () => {
    const path = newPath();
    writeFileSync(join(path, '..', '..', 'logs'), 'a file where a folder should be');
    const audit = createAuditLog({ path });
    expect(() => audit.record({ n: 1 })).not.toThrow();
    await expect(audit.flush()).rejects.toThrow();
    rmSync(join(path, '..', '..', 'logs'));
    await audit.close();
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 1 });
  });

  it.each([
    [undefined, 'options must be an object, got undefined'],
    [{}, 'give either path or sink'],
    [{ sink: () => {}, anomaly: 5 }, 'anomaly must be an object, got 5'],
    [{ path: 'a', sink: () => {} }, 'give either path or sink'],
    [{ path: 7 }, 'path must be a path, got 7'],
    [{ sink: 'x' }, 'sink must be a function, got x'],
    [{ sink: () => {}, chain: 'md5' }, 'chain must be sha256 or false, got md5'],
    [{ sink: () => {}, anomaly: { limit: 0 } }, 'anomaly.limit must be an integer >= 1, got 0'],
    [{ sink: () => {}, anomaly: { windowMs: 0.5 } }, 'anomaly.windowMs must be an integer >= 1, got 0.5'],
    [{ sink: () => {}, anomaly: { maxClients: NaN } }, 'anomaly.maxClients must be an integer >= 1, got NaN'],
    [{ sink: () => {}, onAnomaly: 1 }, 'onAnomaly must be a function, got 1'],
    [{ sink: () => {}, trustProxies: ['x'] }, 'trustProxies must hold IP addresses or CIDR ranges, got x'],
  ])('refuses %j', (options, message) => {
    expect(() => createAuditLog(options as never)).toThrow(message);
  });
});

describe('verifyAuditLog', () => {
  async function auditOf(count: number): Promise<string> {
    const path = newPath();
    const audit = createAuditLog({ path });
    for (let n = 1; n <= count; n++) audit.record({ path: `/r/${n}` });
    await audit.close();
    return path;
  }
  const rewrite = (path: string, change: (lines: string[]) => string[]) =>
    writeFileSync(path, `${change(readFileSync(path, 'utf8').trimEnd().split('\n')).join('\n')}\n`);

  it('accepts an untouched log, over restarts', async () => {
    const path = await auditOf(3);
    const again = createAuditLog({ path });
    again.record({ path: '/r/4' });
    await again.close();
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 4 });
  });

  it.each([
    [
      'changed',
      (lines: string[]) => lines.map((line, i) => (i === 1 ? line.replace('/r/2', '/r/9') : line)),
      2,
    ],
    ['taken out', (lines: string[]) => lines.filter((_, i) => i !== 1), 2],
    ['moved', (lines: string[]) => [lines[0]!, lines[2]!, lines[1]!, lines[3]!], 2],
    ['added', (lines: string[]) => [...lines, '{"path":"/forged"}'], 5],
    ['taken off the front', (lines: string[]) => lines.slice(1), 1],
  ])('finds a record that was %s', async (_, change, brokenAt) => {
    const path = await auditOf(4);
    rewrite(path, change);
    const result = await verifyAuditLog(path);
    expect(result).toMatchObject({ ok: false, brokenAt });
  });

  it('rejects for a file that is not there', async () => {
    await expect(verifyAuditLog(newPath())).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('continues behind a line that was cut by a crash, and keeps the part beside the log', async () => {
    const path = await auditOf(2);
    appendFileSync(path, '{"timestamp":"2026-1');
    const again = createAuditLog({ path });
    again.record({ path: '/r/3' });
    await again.close();
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 3 });
    expect(readFileSync(`${path}.torn`, 'utf8')).toBe('{"timestamp":"2026-1\n');
  });

  it('continues behind a last record of more than 64 KB', async () => {
    const path = newPath();
    for (let i = 0; i < 2; i++) {
      const audit = createAuditLog({ path });
      audit.record({ text: 'é'.repeat(100_000) });
      await audit.close();
    }
    await expect(verifyAuditLog(path)).resolves.toEqual({ ok: true, records: 2 });
  });
});

describe('the anomaly event', () => {
  const clock = createClock(1_000_000);
  const watch = (options: object = {}) => {
    const events: AnomalyEvent[] = [];
    const audit = createAuditLog({
      sink: () => {},
      now: clock.now,
      onAnomaly: (event) => events.push(event),
      ...options,
    });
    return { audit, events };
  };

  it('comes with the 101st request in five minutes, once a window', () => {
    const channel = recordChannels('kit:trace:anomaly');
    const { audit, events } = watch();
    runWithTrace({}, () => {
      for (let i = 0; i < 100; i++) audit.record({ ip: '1.2.3.4' });
      expect(events).toHaveLength(0);
      for (let i = 0; i < 300; i++) audit.record({ ip: '1.2.3.4' });
      expect(events).toEqual([
        { client: '1.2.3.4', count: 101, windowMs: 300_000, traceId: getTrace()!.traceId },
      ]);
    });
    channel.stop();
    expect(channel.events.map(({ payload }) => payload)).toEqual(events);
    expect(Object.isFrozen(events[0])).toBe(true);
  });

  it('comes again in the next window', () => {
    const { audit, events } = watch({ anomaly: { limit: 2, windowMs: 1000 } });
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 5; i++) audit.record({ ip: '1.2.3.4' });
      clock.advance(1000);
    }
    expect(events).toHaveLength(3);
  });

  it('counts clients apart, and by user id where there is no address', () => {
    const { audit, events } = watch({ anomaly: { limit: 2 } });
    for (const userId of ['a', 'b', 'a', 'b', 'a']) audit.record({ userId });
    expect(events.map((event) => event.client)).toEqual(['a']);
  });

  it('remembers no more than maxClients', () => {
    const { audit, events } = watch({ anomaly: { limit: 2, maxClients: 3 } });
    audit.record({ ip: 'x' });
    audit.record({ ip: 'x' });
    for (let i = 0; i < 3; i++) audit.record({ ip: `other-${i}` });
    audit.record({ ip: 'x' });
    expect(events).toHaveLength(0);
  });

  it('survives a callback that throws', () => {
    const { audit } = watch({
      anomaly: { limit: 1 },
      onAnomaly: () => {
        throw new Error('mine');
      },
    });
    audit.record({ ip: 'x' });
    expect(() => audit.record({ ip: 'x' })).not.toThrow();
  });

  it('survives a callback that rejects', async () => {
    const rejections: unknown[] = [];
    const note = (reason: unknown) => void rejections.push(reason);
    process.on('unhandledRejection', note);
    const { audit } = watch({
      anomaly: { limit: 1 },
      onAnomaly: (() => Promise.reject(new Error('mine'))) as never,
    });
    audit.record({ ip: 'x' });
    audit.record({ ip: 'x' });
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', note);
    expect(rejections).toEqual([]);
  });

  it('can be switched off', () => {
    const { audit, events } = watch({ anomaly: false });
    for (let i = 0; i < 200; i++) audit.record({ ip: 'x' });
    expect(events).toHaveLength(0);
  });
});
