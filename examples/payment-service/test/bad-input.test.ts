import { describe, expect, it } from 'vitest';
import { engines, platformOn } from './engines.ts';
import { type Answer } from './platform.ts';

const good = { amount: 1_250, currency: 'EUR', customerId: 'customer-1' };

describe.each(engines)('on $engine', ({ start }) => {
  const platform = platformOn(start);
  let keys = 0;
  const send = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    platform.request('/v1/payments', {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
      headers: { 'content-type': 'application/json', 'idempotency-key': `bad-${(keys += 1)}`, ...headers },
    });

  describe('a request that makes no sense', () => {
    const bodies: [string, unknown, number, string][] = [
      ['broken JSON', '{"amount": 12', 400, 'VAL_INVALID_INPUT'],
      ['an empty body', '', 400, 'VAL_INVALID_INPUT'],
      ['null', null, 400, 'VAL_INVALID_INPUT'],
      ['a list', [good], 400, 'VAL_INVALID_INPUT'],
      ['a number', 5, 400, 'VAL_INVALID_INPUT'],
      ['no amount', { ...good, amount: undefined }, 400, 'VAL_'],
      ['an amount as text', { ...good, amount: '1250' }, 400, 'VAL_INVALID_INPUT'],
      ['a negative amount', { ...good, amount: -1 }, 400, 'VAL_INVALID_INPUT'],
      ['an amount of zero', { ...good, amount: 0 }, 400, 'VAL_INVALID_INPUT'],
      ['half a cent', { ...good, amount: 10.5 }, 400, 'VAL_INVALID_INPUT'],
      [
        'more than a number holds',
        '{"amount":1e400,"currency":"EUR","customerId":"c"}',
        400,
        'VAL_INVALID_INPUT',
      ],
      ['more than is sensible', { ...good, amount: Number.MAX_SAFE_INTEGER }, 400, 'VAL_INVALID_INPUT'],
      ['an unknown currency', { ...good, currency: 'ABC' }, 400, 'VAL_INVALID_INPUT'],
      ['a currency in lower case', { ...good, currency: 'eur' }, 400, 'VAL_INVALID_INPUT'],
      ['the test currency', { ...good, currency: 'XTS' }, 400, 'VAL_INVALID_INPUT'],
      ['a currency that is an object', { ...good, currency: {} }, 400, 'VAL_INVALID_INPUT'],
      ['no customer', { ...good, customerId: undefined }, 400, 'VAL_'],
      ['a blank customer', { ...good, customerId: '   ' }, 400, 'VAL_INVALID_INPUT'],
      ['a customer of 101 characters', { ...good, customerId: 'c'.repeat(101) }, 400, 'VAL_INVALID_INPUT'],
      [
        'a description of 501 characters',
        { ...good, description: 'd'.repeat(501) },
        400,
        'VAL_INVALID_INPUT',
      ],
      ['a misspelt member', { ...good, descripton: 'x' }, 400, 'VAL_INVALID_INPUT'],
      [
        'a poisoned prototype',
        '{"__proto__":{"admin":true},"amount":1,"currency":"EUR","customerId":"c"}',
        400,
        'VAL_',
      ],
      ['a customer with a NUL', { ...good, customerId: 'a\0b' }, 400, 'VAL_INVALID_INPUT'],
      ['half an emoji', { ...good, description: '\uD83D' }, 400, 'VAL_INVALID_INPUT'],
      ['lists in lists in lists', '['.repeat(30_000) + ']'.repeat(30_000), 400, 'VAL_INVALID_INPUT'],
      ['65 KB', { ...good, description: 'x'.repeat(65 * 1024) }, 413, 'VAL_TOO_LARGE'],
    ];
    it.each(bodies)('%s', async (_what, body, status, code) => {
      const answer = await send(body);
      expect(answer.status).toBe(status);
      expectProblem(answer);
      expect(answer.body.code).toContain(code);
    });

    it.each([
      ['missing', undefined],
      ['empty', ''],
      ['of 201 characters', 'k'.repeat(201)],
      ['with a blank', 'two words'],
    ])('an Idempotency-Key that is %s', async (_what, key) => {
      const answer = await platform.request('/v1/payments', {
        json: good,
        headers: key === undefined ? {} : { 'idempotency-key': key },
      });
      expect(answer.status).toBe(400);
      expectProblem(answer);
      expect(answer.body.code).toBe('VAL_IDEMPOTENCY_KEY');
    });

    it.each(['/v1/payments/some-payment/refunds', '/v1/settlements'])(
      'to %s: bodies that are none, and no key',
      async (path) => {
        const post = (body: string, key: Record<string, string>) =>
          platform.request(path, {
            method: 'POST',
            body,
            headers: { 'content-type': 'application/json', ...key },
          });
        const bodies = [
          '{"amount":',
          'null',
          '[]',
          '5',
          '{}',
          '{"amount":1,"paymentIds":["a"],"more":1}',
          '{"amount":1,"reason":"\\u0000"}',
          '{"paymentIds":["\\u0000"]}',
        ];
        for (const body of bodies) {
          const answer = await post(body, { 'idempotency-key': 'bad-body' });
          expect(answer.status).toBe(400);
          expectProblem(answer);
        }
        const good = path.endsWith('refunds') ? '{"amount":1}' : '{"paymentIds":["a"]}';
        const keyless = await post(good, {});
        expect([keyless.status, keyless.body.code]).toEqual([400, 'VAL_IDEMPOTENCY_KEY']);
      },
    );

    it.each([
      '/v1/payments/p/refunds?limit=0',
      '/v1/payments/p/refunds?cursor=nonsense',
      '/v1/settlements?limit=201',
      '/v1/settlements?more=1',
      `/v1/settlements/${'x'.repeat(90)}`,
      `/v1/payments/p/refunds/${'x'.repeat(90)}`,
      '/v1/payments/%00',
      '/v1/payments/%00/refunds',
      '/v1/payments/p/refunds/%00',
      '/v1/settlements/%00',
      '/v1/payments?customerId=%00',
      `/v1/payments?cursor=${cursorOf('1.\0')}`,
      `/v1/payments?cursor=${cursorOf('1.😀')}`,
      `/v1/settlements?cursor=${cursorOf('1.\0')}`,
      `/v1/payments/p/refunds?cursor=${cursorOf('-1.x')}`,
    ])('GET %s', async (path) => {
      const answer = await platform.request(path);
      expect(answer.status).toBe(400);
      expectProblem(answer);
    });

    it.each(['application/x-www-form-urlencoded', 'text/plain', 'nonsense'])(
      'another media type: %s',
      async (type) => {
        const answer = await send(good, { 'content-type': type });
        expect([answer.status, answer.body.code]).toEqual([415, 'VAL_UNSUPPORTED_MEDIA']);
        expectProblem(answer);
      },
    );

    it.each(['GET /admin/sagas/%00', 'POST /admin/sagas/%00/resolve'])(
      '%s, by an operator',
      async (route) => {
        const [method = '', path = ''] = route.split(' ');
        const answer = await platform.request(path, {
          method,
          headers: { authorization: `Bearer ${platform.adminToken}`, 'content-type': 'application/json' },
          ...(method === 'POST' && { body: '{"as":"retry"}' }),
        });
        expect(answer.status).toBe(400);
        expectProblem(answer);
      },
    );

    it.each([
      ['GET', '/v1/payments?limit=0', 400],
      ['GET', '/v1/payments?limit=many', 400],
      ['GET', '/v1/payments?cursor=nonsense', 400],
      ['GET', '/v1/payments?status=lost', 400],
      ['GET', '/v1/nothing', 404],
      ['GET', '/v1/payments/%E0%A4%A', 400],
      ['DELETE', '/v1/payments/1', 404],
      ['GET', `/v1/payments/${'x'.repeat(90)}`, 400],
      ['GET', `/v1/payments/${'x'.repeat(500)}`, 414],
    ])('%s %s', async (method, path, status) => {
      const answer = await platform.request(path, { method });
      expect(answer.status).toBe(status);
      expectProblem(answer);
    });

    it('lists every invalid field at once', async () => {
      const { body } = await send({ amount: -1, currency: 'ABC', customerId: '' });
      expect(body.errors.map(({ field }: { field: string }) => field).toSorted()).toEqual([
        'amount',
        'currency',
        'customerId',
      ]);
    });

    it('leaves nothing behind: no payment, no call to a partner', async () => {
      expect((await platform.request('/v1/payments')).body.items).toEqual([]);
      for (const name of ['risk', 'order', 'channel'] as const)
        expect(await platform.effects(name)).toEqual([]);
    });

    it("another payment's refund is not there", async () => {
      const [a, b] = [await platform.pay({ amount: 100 }), await platform.pay({ amount: 100 })];
      const refunded = await platform.request(`/v1/payments/${a.body.id}/refunds`, {
        json: { amount: 10 },
        headers: { 'idempotency-key': 'of-another' },
      });
      expect(refunded.status).toBe(201);
      const { status, body } = await platform.request(
        `/v1/payments/${b.body.id}/refunds/${refunded.body.id}`,
      );
      expect([status, body.code]).toEqual([404, 'RES_NOT_FOUND']);
    });
  });
});

const cursorOf = (text: string) => Buffer.from(text).toString('base64url');

function expectProblem({ status, headers, body }: Answer): void {
  expect(headers.get('content-type')).toContain('application/problem+json');
  expect(body.status).toBe(status);
  expect(body.code).toMatch(/^(VAL|RES|AUTH|SYS)_/);
  expect(body.traceId).toMatch(/^[0-9a-f]{8}$/);
  expect(headers.get('x-trace-id')).toBe(body.traceId);
}
