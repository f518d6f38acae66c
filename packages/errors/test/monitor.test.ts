import { createClock } from 'kit-tooling/clock';
import { recordChannels } from 'kit-tooling/channels';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import { commonErrors, createErrorMonitor, defineErrors } from '../src/index.js';

const noFrames = (message: string, extra: object = {}) =>
  Object.assign(new Error(message), { stack: message, ...extra });
const minute = 60_000;

describe('createErrorMonitor', () => {
  it('counts per code and keeps the last errors, oldest first', () => {
    const monitor = createErrorMonitor({ capacity: 3, now: () => 1_000 });
    for (const name of ['a', 'b', 'c', 'd']) monitor.record(new Error(name), { endpoint: `GET /${name}` });
    monitor.record(commonErrors.RES_NOT_FOUND());
    const { total, counts, last } = monitor.snapshot();
    expect(total).toBe(5);
    expect(counts).toEqual({ SYS_INTERNAL_ERROR: 4, RES_NOT_FOUND: 1 });
    expect(last.map(({ message, endpoint }) => [message, endpoint])).toEqual([
      ['c', 'GET /c'],
      ['d', 'GET /d'],
      ['Not found', undefined],
    ]);
    expect(last[0]).toMatchObject({
      code: 'SYS_INTERNAL_ERROR',
      traceId: expect.stringMatching(/^[0-9a-f]{8}$/),
      timestamp: '1970-01-01T00:00:01.000Z',
    });
  });

  it('keeps 200 errors and 500 fingerprints by default', () => {
    const monitor = createErrorMonitor();
    for (let index = 0; index < 600; index += 1) monitor.record(noFrames('x'.repeat(index)));
    const { last, fingerprints } = monitor.snapshot();
    expect(last).toHaveLength(200);
    expect(fingerprints.filter(({ fingerprint }) => fingerprint !== '__other__')).toHaveLength(500);
    expect(fingerprints.reduce((sum, { count }) => sum + count, 0)).toBe(600);
  });

  it('pushes the least recently seen fingerprint into __other__', () => {
    const clock = createClock(0);
    const monitor = createErrorMonitor({ maxFingerprints: 2, now: clock.now });
    for (const name of ['apple', 'pear', 'apple', 'plum', 'pear']) {
      monitor.record(noFrames(name));
      clock.advance(minute);
    }
    const { fingerprints } = monitor.snapshot();
    // pear went when plum came, apple when pear came back.
    expect(fingerprints.map(({ count }) => count)).toEqual([1, 1, 3]);
    expect(fingerprints[2]).toMatchObject({
      fingerprint: '__other__',
      firstSeen: '1970-01-01T00:00:00.000Z',
      lastSeen: '1970-01-01T00:02:00.000Z',
    });
  });

  it('keeps the first and the last time of __other__, also when the clock steps back', () => {
    const clock = createClock(0);
    const timesOf = (...minutes: number[]) => {
      const monitor = createErrorMonitor({ maxFingerprints: 1, now: clock.now });
      for (const [index, at] of minutes.entries()) {
        clock.set(at * minute);
        monitor.record(noFrames('x'.repeat(index + 1)));
      }
      const { firstSeen, lastSeen } = monitor.snapshot().fingerprints.at(-1)!;
      return [firstSeen.slice(14, 16), lastSeen.slice(14, 16)];
    };
    expect(timesOf(1, 5, 9)).toEqual(['01', '05']);
    expect(timesOf(5, 1, 9)).toEqual(['01', '05']);
  });

  it('has nothing to tell before the first error, and words of its own for undefined', () => {
    const monitor = createErrorMonitor({ capacity: 1, maxFingerprints: 1 });
    expect(monitor.snapshot()).toMatchObject({ total: 0, last: [], fingerprints: [] });
    monitor.record(undefined);
    const { last } = monitor.snapshot();
    expect(last).toMatchObject([{ message: 'Internal error' }]);
    expect(last[0]).not.toHaveProperty('endpoint');
    expect(() => createErrorMonitor({ capacity: 10_000, maxFingerprints: 100_000 })).not.toThrow();
  });

  it('counts the errors of each of the last sixty minutes', () => {
    const clock = createClock(10 * minute);
    const monitor = createErrorMonitor({ now: clock.now });
    monitor.record('a');
    clock.advance(minute);
    monitor.record('b');
    monitor.record('c');
    expect(monitor.snapshot().perMinute).toHaveLength(60);
    expect(monitor.snapshot().perMinute.slice(-3)).toEqual([0, 1, 2]);
    clock.advance(58 * minute);
    expect(monitor.snapshot().perMinute.slice(0, 2)).toEqual([1, 2]);
    clock.advance(minute);
    expect(monitor.snapshot().perMinute[0]).toBe(2);
    monitor.record('d');
    clock.advance(60 * minute);
    monitor.record('e');
    expect(monitor.snapshot().perMinute.filter((count) => count > 0)).toEqual([1]);
  });

  it('gives a copy that is frozen through and through', () => {
    const monitor = createErrorMonitor();
    monitor.record('a');
    const snapshot = monitor.snapshot();
    monitor.record('b');
    expect(snapshot.total).toBe(1);
    expect(snapshot.last).toHaveLength(1);
    for (const part of [
      snapshot,
      snapshot.counts,
      snapshot.last,
      snapshot.last[0],
      snapshot.fingerprints[0],
      snapshot.perMinute,
    ]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
  });

  it('masks and cuts what it keeps', () => {
    const monitor = createErrorMonitor();
    const texts = [
      'cannot reach postgres://shop:hunter2@db:5432/shop',
      'postgres://shop:hun@ter2-hunter2@db/shop',
      'login with {"password": "hunter2"} failed',
      'apiKey=hunter2&x=1',
      'GET /reset?token=hunter2',
      'Authorization: Bearer hunter2.hunter2',
      'Key (email)=(hunter2) already exists',
      "Duplicate entry 'hunter2' for key 'users.email'",
      'Failing row contains (1, hunter2, null)',
      `${'x '.repeat(1_020)}password=hunter2`,
      `postgres://shop:${'a'.repeat(2_100)}hunter2@db`,
    ];
    for (const text of texts) monitor.record(new Error(text), { endpoint: `GET /?secret=hunter2 ${text}` });
    monitor.record(new Error('card 4111 1111 1111 1111 but order 4111111111111112'));
    const snapshot = monitor.snapshot();
    expect(JSON.stringify(snapshot)).not.toMatch(/hunter2|4111 1111/);
    expect(JSON.stringify(snapshot)).toContain('order 4111111111111112');
    for (const { message, endpoint = '' } of snapshot.last) {
      expect(message.length).toBeLessThanOrEqual(512);
      expect(endpoint.length).toBeLessThanOrEqual(512);
    }
  });

  it('takes anything, and never throws', () => {
    const monitor = createErrorMonitor();
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const things = [
      null,
      undefined,
      5,
      Symbol('s'),
      {},
      proxy,
      Object.create(null),
      () => {},
      Object.assign(new Error('x'), { stack: 5 }),
    ];
    for (const thing of things) monitor.record(thing, thing as never);
    expect(monitor.snapshot().total).toBe(things.length);
  });

  it('joins codes past the five hundredth, which only forged errors can have', () => {
    const monitor = createErrorMonitor();
    for (let index = 0; index < 510; index += 1) {
      const code = `BIZ_C${index}`;
      monitor.record(defineErrors({ [code]: { status: 400, title: 'x' } })[code]!());
    }
    const { counts } = monitor.snapshot();
    expect(Object.keys(counts)).toHaveLength(501);
    expect(counts.__other__).toBe(10);
  });

  it('forgets everything on close and records nothing more', async () => {
    const monitor = createErrorMonitor();
    monitor.record('a');
    await monitor[Symbol.asyncDispose]();
    monitor.record('b');
    expect(monitor.snapshot()).toEqual({
      total: 0,
      counts: {},
      last: [],
      fingerprints: [],
      perMinute: Array.from({ length: 60 }, () => 0),
    });
  });

  it.each([
    [{ capacity: 0 }, /capacity must be an integer from 1 to 10000, got 0/],
    [{ capacity: 1.5 }, /capacity .* got 1.5/],
    [{ capacity: 10_001 }, /capacity .* got 10001/],
    [{ maxFingerprints: -1 }, /maxFingerprints must be .* got -1/],
    [{ maxFingerprints: '5' }, /maxFingerprints .* got "5"/],
    [{ now: 5 }, /now must be a function, got number/],
  ])('refuses %o', (options, message) => {
    expect(() => createErrorMonitor(options as never)).toThrow(message);
  });
});

describe('fingerprints', () => {
  const fingerprintsOf = (...errors: unknown[]) => {
    const monitor = createErrorMonitor();
    for (const error of errors) monitor.record(error);
    return monitor.snapshot().fingerprints;
  };
  const withStack = (lines: string[], message = 'x') =>
    Object.assign(new Error(message), {
      stack: [`Error: ${message}`, ...lines.map((line) => `    at ${line}`)].join('\n'),
    });

  it('see one defect where only lines, columns and messages differ', () => {
    const found = fingerprintsOf(
      withStack(['pay (file:///srv/shop.js:10:5)', 'async handle (/srv/app.js:3:1)'], 'order 1'),
      withStack(['pay (file:///srv/shop.js:12:9)', 'async handle (/srv/app.js:4:1)'], 'order 2'),
    );
    expect(found).toMatchObject([{ count: 2, code: 'SYS_INTERNAL_ERROR' }]);
  });

  it('look at the top three frames of the application, not at Node or at packages', () => {
    const inner = [
      'next (/srv/node_modules/express/lib/router.js:1:1)',
      'node:internal/process/task_queues:105:5',
    ];
    const frames = ['a (/srv/a.js:1:1)', 'b (/srv/b.js:1:1)', 'c (/srv/c.js:1:1)'];
    const found = fingerprintsOf(
      withStack([...inner, ...frames, 'd (/srv/d.js:1:1)']),
      withStack([...frames, 'e (/srv/e.js:1:1)']),
    );
    expect(found).toMatchObject([{ count: 2 }]);
    expect(fingerprintsOf(withStack(frames), withStack(frames.toReversed()))).toHaveLength(2);
  });

  it('tell apart what differs in its file, or in its third frame only', () => {
    const frames = ['a (/srv/a.js:1:1)', 'b (/srv/b.js:1:1)'];
    expect(fingerprintsOf(withStack(['a (/srv/a.js:1:1)']), withStack(['a (/srv/b.js:1:1)']))).toHaveLength(
      2,
    );
    expect(
      fingerprintsOf(
        withStack([...frames, 'c (/srv/c.js:1:1)']),
        withStack([...frames, 'd (/srv/d.js:1:1)']),
      ),
    ).toHaveLength(2);
  });

  it('see one file whether it is named as a path or as a URL, and whatever its query', () => {
    const found = fingerprintsOf(
      withStack(['a (/srv/a.js:1:1)']),
      withStack(['a (file:///srv/a.js:1:1)']),
      withStack(['a (file:///srv/a.js?reload=1795:1:1)']),
    );
    expect(found).toMatchObject([{ count: 3, fingerprint: expect.stringMatching(/^[0-9a-f]{16}$/) }]);
  });

  it('do not grow with names and messages', () => {
    const long = (end: string) => noFrames(`${'x '.repeat(256)}${end}`, { name: `${'N'.repeat(100)}${end}` });
    expect(fingerprintsOf(long('one'), long('two'))).toMatchObject([{ count: 2 }]);
  });

  it('tell codes and error names apart', () => {
    const frames = ['a (/srv/a.js:1:1)'];
    const named = Object.assign(withStack(frames), { name: 'LedgerError' });
    const coded = Object.assign(withStack(frames), { code: '23505' });
    expect(fingerprintsOf(withStack(frames), named, coded)).toHaveLength(3);
  });

  it('fall back to the message with digits, UUIDs and hex normalised', () => {
    const found = fingerprintsOf(
      noFrames('order 17 of 6f9619ff-8b86-d011-b42d-00c04fc964ff at 0xdeadbeef for a1b2c3d4e5'),
      noFrames('order 4 of 11111111-2222-3333-4444-555555555555 at 0x1 for ffee001122'),
      noFrames('order 4 of somebody else'),
    );
    expect(found.map(({ count }) => count)).toEqual([1, 2]);
    const letters = ['deadbeef-aaaa-bbbb-cccc-abcdefabcdef', 'CAFEBABE-DDDD-EEEE-FFFF-FEDCBAFEDCBA'];
    expect(fingerprintsOf(...letters.map((id) => noFrames(`order ${id}`)))).toHaveLength(1);
  });

  it('take words that could be hex for words', () => {
    expect(fingerprintsOf(noFrames('facade of the decade'), noFrames('decade of the facade'))).toHaveLength(
      2,
    );
  });

  it('tell two places that raise the same code apart', () => {
    const first = () => commonErrors.RES_CONFLICT();
    const second = () => commonErrors.RES_CONFLICT();
    expect(fingerprintsOf(first(), second(), first())).toHaveLength(2);
  });
});

describe('kit:errors:raised', () => {
  it('is published for every record, frozen, without message or details', () => {
    const recorder = recordChannels('kit:errors:raised');
    const monitor = createErrorMonitor();
    monitor.record(commonErrors.RES_CONFLICT({ secret: 1 }), { endpoint: 'GET /x' });
    monitor.record(null);
    recorder.stop();
    monitor.record('not heard');
    expect(recorder.events.map(({ payload }) => payload)).toEqual([
      { code: 'RES_CONFLICT', status: 409, fingerprint: expect.any(String), endpoint: 'GET /x' },
      { code: 'SYS_INTERNAL_ERROR', status: 500, fingerprint: expect.any(String) },
    ]);
    expect(recorder.events.every(({ payload }) => Object.isFrozen(payload))).toBe(true);
  });

  it('carries the fingerprint of the snapshot', () => {
    const heard: unknown[] = [];
    const listener = (payload: unknown) => void heard.push(payload);
    subscribe('kit:errors:raised', listener);
    const monitor = createErrorMonitor();
    monitor.record(new Error('x'));
    unsubscribe('kit:errors:raised', listener);
    expect(heard).toMatchObject([{ fingerprint: monitor.snapshot().fingerprints[0]!.fingerprint }]);
  });
});
