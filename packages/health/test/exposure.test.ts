import type { IncomingMessage } from 'node:http';
import { describe, expect, it, vi } from 'vitest';
import { createHealth, type HealthOptions } from '../src/index.js';

const requestFrom = (remoteAddress: string | undefined, headers: Record<string, string> = {}) =>
  ({ method: 'GET', url: '/health', headers, socket: { remoteAddress } }) as unknown as IncomingMessage;

const bodyFor = async (req: IncomingMessage, options: HealthOptions = {}) => {
  const health = createHealth(options);
  const error = Object.assign(new Error('connect ECONNREFUSED db.internal:5432'), { code: 'ECONNREFUSED' });
  health.add({ name: 'database', check: () => Promise.reject(error) });
  health.add({ name: 'queue', check: () => ({ status: 'healthy', message: 'fine', metadata: { size: 3 } }) });
  return (await health.answer('all', req)).body;
};
const details = '"metadata":{"size":3}';

describe('details by default', () => {
  it.each([
    '127.0.0.1',
    '127.8.8.8',
    '::1',
    '::ffff:127.0.0.1',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '::ffff:10.0.0.1',
    'fd12::1',
    'fd12::1%eth0',
  ])('are shown to a direct caller from %s', async (address) => {
    expect(await bodyFor(requestFrom(address))).toContain(details);
  });

  it.each([
    '8.8.8.8',
    '172.32.0.1',
    '11.0.0.1',
    '192.169.0.1',
    '100.64.0.1',
    '169.254.1.1',
    '::ffff:8.8.8.8',
    '2001:db8::1',
    'fe80::1',
    'nonsense',
    '',
    undefined,
  ])('are not shown to %s', async (address) => {
    expect(await bodyFor(requestFrom(address))).not.toContain(details);
  });

  it.each([
    'x-forwarded-for',
    'forwarded',
    'x-real-ip',
    'via',
    'x-forwarded-host',
    'cf-connecting-ip',
    'true-client-ip',
    'fly-client-ip',
  ])('are not shown to a loopback caller whose request carries %s', async (header) => {
    expect(await bodyFor(requestFrom('127.0.0.1', { [header]: '127.0.0.1' }))).not.toContain(details);
    expect(await bodyFor(requestFrom('127.0.0.1', { [header]: '' }))).not.toContain(details);
  });
});

describe('the details option', () => {
  it('leaves only names and statuses when false, for loopback too', async () => {
    const body = JSON.parse(await bodyFor(requestFrom('127.0.0.1'), { details: () => false })) as object;
    expect(body).toEqual({
      status: 'unhealthy',
      timestamp: expect.any(String),
      duration: expect.any(String),
      checks: [
        { name: 'database', status: 'unhealthy' },
        { name: 'queue', status: 'healthy' },
      ],
    });
    expect(await bodyFor(requestFrom('127.0.0.1'), { details: false })).not.toContain(details);
  });

  it('gets the request, and shows everything when true', async () => {
    const byToken = (req: IncomingMessage) => req.headers.authorization === 'Bearer token';
    const stranger = requestFrom('8.8.8.8');
    const operator = requestFrom('8.8.8.8', { authorization: 'Bearer token' });
    expect(await bodyFor(stranger, { details: byToken })).not.toContain(details);
    expect(await bodyFor(operator, { details: byToken })).toContain(details);
    expect(await bodyFor(stranger, { details: true })).toContain(details);
  });

  it('means no when it throws or answers with a promise', async () => {
    const throwing = () => {
      throw new Error('no');
    };
    expect(await bodyFor(requestFrom('127.0.0.1'), { details: throwing })).not.toContain(details);
    const later = (async () => true) as unknown as () => boolean;
    expect(await bodyFor(requestFrom('127.0.0.1'), { details: later })).not.toContain(details);
  });

  it('does not end the process with a promise that rejects', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      const rejecting = (async () => {
        throw new Error('no directory');
      }) as unknown as () => boolean;
      expect(await bodyFor(requestFrom('127.0.0.1'), { details: rejecting })).not.toContain(details);
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});

describe('a public answer', () => {
  it('names no host even after an internal caller was shown the details of the same result', async () => {
    const health = createHealth({ ttlMs: 60_000 });
    health.add({
      name: 'database',
      check: () => ({
        status: 'unhealthy',
        message: 'lost postgres://kit:pw@db.internal/pay',
        metadata: { host: 'db.internal' },
      }),
    });
    const inside = await health.answer('all', requestFrom('127.0.0.1'));
    expect(inside.body).toContain('metadata');
    expect(inside.body).not.toContain('pw@');
    for (const accept of ['application/json', 'text/html']) {
      const outside = await health.answer('all', requestFrom('8.8.8.8', { accept }));
      expect(outside.body).not.toMatch(/internal|postgres|pw/);
    }
  });

  it('reduces driver messages to their code for everybody', async () => {
    const body = await bodyFor(requestFrom('127.0.0.1'));
    expect(body).toContain('"message":"ECONNREFUSED"');
    expect(body).not.toContain('db.internal');
  });
});
