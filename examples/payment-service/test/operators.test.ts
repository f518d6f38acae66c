import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from './platform.ts';

let platform: Platform;
beforeAll(async () => {
  platform = await startPlatform({ CORS_ORIGINS: 'https://shop.example', RATE_LIMIT_PER_MINUTE: '100000' });
});
afterAll(() => platform?.stop());

const asAdmin = (path: string, init: RequestInit & { json?: unknown } = {}) =>
  platform.request(path, { ...init, headers: { authorization: `Bearer ${platform.adminToken}` } });

describe('admin routes', () => {
  it.each(['/admin/errors', '/admin/sagas', '/admin/metrics', '/admin/breakers', '/admin/outbox'])(
    '%s is closed without the token and open with it',
    async (path) => {
      for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: platform.adminToken }]) {
        const refused = await platform.request(path, { headers: headers as Record<string, string> });
        expect(refused.status).toBe(401);
        expect(refused.body.code).toBe('AUTH_FAILED');
      }
      expect((await asAdmin(path)).status).toBe(200);
    },
  );

  it('shows the last errors with code, trace id and endpoint', async () => {
    const { body: problem } = await platform.request('/v1/payments/nobody');
    const { body } = await asAdmin('/admin/errors');
    expect(body.counts.RES_NOT_FOUND).toBeGreaterThan(0);
    expect(JSON.stringify(body.last)).toContain(problem.traceId);
  });

  it('shows the sagas with their steps', async () => {
    const { body: payment } = await platform.pay();
    const { body } = await asAdmin(`/admin/sagas/${payment.id}`);
    expect(body).toMatchObject({ id: payment.id, name: 'create-payment', status: 'completed' });
    expect(body.steps.map(({ name }: { name: string }) => name)).toEqual([
      'row',
      'risk',
      'order',
      'channel',
      'complete',
    ]);
    expect((await asAdmin('/admin/sagas?status=lost')).status).toBe(400);
    expect((await asAdmin('/admin/sagas/nobody')).status).toBe(404);
  });

  it.each([
    [{}],
    [{ as: 'magic' }],
    [{ as: 'retry', note: 'n'.repeat(501) }],
    [{ as: 'retry', more: 1 }],
    [[]],
  ])('refuses to resolve a saga with %j', async (json) => {
    const { body: payment } = await platform.pay();
    expect((await asAdmin(`/admin/sagas/${payment.id}/resolve`, { json })).status).toBe(400);
    expect((await asAdmin('/admin/sagas/nobody/resolve', { json: { as: 'retry' } })).status).toBe(404);
  });

  it('refuses to resolve a saga that has settled', async () => {
    const { body: payment } = await platform.pay();
    const refused = await asAdmin(`/admin/sagas/${payment.id}/resolve`, { json: { as: 'compensated' } });
    expect(refused.status).toBe(409);
    expect((await platform.request(`/v1/payments/${payment.id}`)).body.status).toBe('paid');
  });

  it('lets an operator retry what waits', async () => {
    await platform.breakPartner('channel', { dropRate: 1, lookups: true });
    const { body: pending } = await platform.pay();
    expect(pending.status).toBe('pending');
    // While the channel is away: once it is back, the saga may have gone on by itself.
    const resolved = await asAdmin(`/admin/sagas/${pending.id}/resolve`, { json: { as: 'retry' } });
    expect(resolved.status).toBe(204);
    await platform.heal('channel');
    await eventually(
      () => platform.request(`/v1/payments/${pending.id}`),
      ({ body }) => body.status === 'paid',
    );
  });
});

describe('what the outside sees', () => {
  it('has probes, on every service', async () => {
    for (const url of [platform.url, ...Object.values(platform.partners)]) {
      for (const path of ['/health', '/health/live', '/health/ready']) {
        expect((await fetch(`${url}${path}`)).status).toBe(200);
      }
    }
  });

  it('names its checks', async () => {
    const { body } = await platform.request('/health');
    expect(body.checks.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['sagas', 'outbox', 'order-service', 'channel-adapter', 'risk-service']),
    );
  });

  it('has metrics of HTTP, breakers, sagas and the process, by route template', async () => {
    const { body: payment } = await platform.pay();
    await platform.request(`/v1/payments/${payment.id}`);
    const { body: page } = await platform.request('/metrics');
    expect(page).toMatch(/http_requests_total\{[^}]*route="\/v1\/payments\/:id"/);
    expect(page).toMatch(/kit_breaker_state\{[^}]*name="channel-adapter"[^}]*\} 0/);
    expect(page).toMatch(/kit_saga_total\{[^}]*name="create-payment"/);
    expect(page).toMatch(/business_operations_total\{[^}]*operation="create-payment"[^}]*status="success"/);
    expect(page).not.toContain(payment.id);
  });

  it('keeps the metrics from those who come through a proxy without the token', async () => {
    const forwarded = { 'x-forwarded-for': '203.0.113.9' };
    expect((await platform.request('/metrics', { headers: forwarded })).status).toBeGreaterThanOrEqual(400);
    const { status } = await platform.request('/metrics', {
      headers: { ...forwarded, authorization: `Bearer ${platform.adminToken}` },
    });
    expect(status).toBe(200);
  });

  it('describes itself, the Idempotency-Key included, for people and programs', async () => {
    const { status, body } = await platform.request('/docs/json');
    expect(status).toBe(200);
    expect(body.paths['/v1/payments'].post.parameters).toMatchObject([
      { name: 'Idempotency-Key', in: 'header', required: true },
    ]);
    expect((await platform.request('/docs')).status).toBe(200);
  });

  it('sends security headers, and lets the shop read ours', async () => {
    const { headers } = await platform.request('/v1/payments', {
      headers: { origin: 'https://shop.example' },
    });
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('content-security-policy')).toContain("default-src 'self'");
    expect(headers.get('access-control-allow-origin')).toBe('https://shop.example');
    expect(headers.get('access-control-expose-headers')?.toLowerCase()).toContain('x-trace-id');
    const stranger = await platform.request('/v1/payments', { headers: { origin: 'https://evil.example' } });
    expect(stranger.headers.get('access-control-allow-origin')).not.toBe('https://evil.example');
  });

  it('compresses long answers', async () => {
    for (let n = 0; n < 10; n += 1) await platform.pay({ customerId: 'long-list' });
    const { headers } = await platform.request('/v1/payments?customerId=long-list', {
      headers: { 'accept-encoding': 'gzip' },
    });
    expect(headers.get('content-encoding')).toBe('gzip');
  });

  it('writes an audit record for what changes something, without secrets', async () => {
    const secret = `tok_${randomBytes(8).toString('hex')}`;
    await platform.request('/v1/payments', {
      json: { password: secret },
      headers: { 'idempotency-key': 'audited' },
    });
    const file = join(platform.dataDir, 'payment-audit.log');
    const audit = await eventually(
      async () => readFileSync(file, 'utf8'),
      (text) => text.trimEnd().split('\n').at(-1)!.includes('"status":400'),
    );
    expect(audit).toContain('/v1/payments');
    expect(audit).not.toContain(secret);
  });
});

describe('too many requests', () => {
  it('are refused with 429, a code and Retry-After', async () => {
    const limited = await startPlatform({ RATE_LIMIT_PER_MINUTE: '5' });
    try {
      const answers = await Promise.all(Array.from({ length: 8 }, () => limited.request('/v1/payments')));
      const refused = answers.filter(({ status }) => status === 429);
      expect(refused).toHaveLength(3);
      expect(refused[0]!.body.code).toBe('SYS_RATE_LIMITED');
      expect(Number(refused[0]!.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await limited.request('/health/live')).status).toBe(200);
    } finally {
      await limited.stop();
    }
  });
});
