import { describe, expect, it } from 'vitest';
import { createMasker } from '../src/index.js';

const mask = createMasker();

describe('createMasker, keys', () => {
  it.each([
    'password',
    'Password',
    'PASSWORD',
    'dbPassword',
    'db_password',
    'password2',
    'user-password',
    'passwordHash',
    'token',
    'accessToken',
    'access_token',
    'X-Auth-Token',
    'tokenId',
    'secret',
    'clientSecret',
    'SECRET_KEY',
    'signature',
    'x-hub-signature-256',
    'key',
    'pin',
    'PIN',
    'cvv',
    'ssn',
    'SSN',
    'apiKey',
    'api_key',
    'x-api-key',
    'APIKey',
    'stripeApiKey',
    'apikey',
    'privateKey',
    'private_key',
    'cardNumber',
    'card_number',
    'bankAccount',
    'bank_account_number',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'cookies',
  ])('masks the value of %s', (key) => {
    expect(mask({ [key]: 's3cr3t-value' })).toEqual({ [key]: '[masked]' });
    expect(mask({ [key]: { inner: 's3cr3t-value' } })).toEqual({ [key]: '[masked]' });
    expect(mask({ [key]: 123456 })).toEqual({ [key]: '[masked]' });
  });

  it.each([
    'maxTokens',
    'shipping',
    'keyboard',
    'monkey',
    'pinned',
    'author',
    'keys',
    'opinion',
    'passenger',
    'secretary',
    'tokenizer',
    'cardHolder',
    'account',
    'userId',
    'publicKeyId',
  ])('leaves the value of %s', (key) => {
    expect(mask({ [key]: 'plain value' })).toEqual({ [key]: 'plain value' });
  });

  it('shows that a secret is missing, or only a flag', () => {
    const flags = { password: null, token: undefined, hasToken: true };
    expect(mask(flags)).toEqual(flags);
  });

  it('keeps the last four digits of a card number, under its key and in digits', () => {
    expect(mask({ cardNumber: '4111 1111 1111 1111' })).toEqual({ cardNumber: '************1111' });
    expect(mask({ cardNumber: 4111111111111111 })).toEqual({ cardNumber: '************1111' });
    expect(mask({ cardNumber: 'not a card' })).toEqual({ cardNumber: '[masked]' });
    expect(mask({ value: 4111111111111111 })).toEqual({ value: '************1111' });
  });

  it('takes more keys, leaves ignored ones, and censors by another word', () => {
    const own = createMasker({ keys: ['taxNumber'], ignore: ['csrfToken'], censor: '***' });
    expect(own({ tax_number: '1', csrfToken: 'a', token: 'b' })).toEqual({
      tax_number: '***',
      csrfToken: 'a',
      token: '***',
    });
  });

  it('keeps its memory of keys bounded', () => {
    for (let i = 0; i < 25_000; i++) mask({ [`field${i}x`]: 1 });
    expect(mask({ password: 'a', ['x'.repeat(5000)]: 'b' })).toMatchObject({ password: '[masked]' });
  });
});

describe('createMasker, texts', () => {
  it.each([
    ['postgres://app:hunter2@db:5432/x', 'postgres://app:[masked]@db:5432/x'],
    ['redis://:hunter2@cache', 'redis://:[masked]@cache'],
    ['mysql://u:p@ss/w0rd@h/db', 'mysql://u:[masked]@h/db'],
    ['amqp://u:p%40ss@h/v and postgres://a:b@c/d', 'amqp://u:[masked]@h/v and postgres://a:[masked]@c/d'],
    ['http://host:8080/path?mail=a@b.c', 'http://host:8080/path?mail=a@b.c'],
    ['GET /cb?code=1&token=abc&x=2', 'GET /cb?code=1&token=[masked]&x=2'],
    ['/cb?access_token=abc#frag', '/cb?access_token=[masked]'],
    ['https://x.y/?api_key=abc&user[password]=q', 'https://x.y/?api_key=[masked]&user[password]=[masked]'],
    ['login failed: password=hunter2, retry', 'login failed: password=[masked], retry'],
    ['password: hunter2', 'password: [masked]'],
    ['{"user":"ann","password":"hun\\"ter2"}', '{"user":"ann","password":"[masked]"}'],
    ['{"password":1234,"a":1}', '{"password":[masked],"a":1}'],
    ['body "{\\"password\\":\\"hunter2\\"}"', 'body "{\\"password\\":\\"[masked]\\"}"'],
    ["{ password: 'hunter2' }", "{ password: '[masked]' }"],
    ['Authorization: Bearer abc.def', 'Authorization: [masked]'],
    ['sent Bearer abc123def456', 'sent Bearer [masked]'],
    ['Basic dXNlcjpwYXNz was sent', 'Basic [masked] was sent'],
    ['Bearer authentication required', 'Bearer authentication required'],
    ['Cookie: sid=abc; theme=dark', 'Cookie: [masked]'],
    ['jwt eyJhbGciOi.eyJzdWIiOiIx.c2ln here', 'jwt [masked] here'],
    ['--token=abc --verbose', '--token=[masked] --verbose'],
    ['paid with 4111-1111-1111-1111 today', 'paid with ************1111 today'],
    ['card 4111 1111 1111 1111 12/28', 'card ************1111 12/28'],
    ['order 12 5555555555554444, 378282246310005', 'order 12 ************4444, ***********0005'],
    ['order 4111111111111112 and 1234567890123452', 'order 4111111111111112 and 1234567890123452'],
    ['at 2026-11-21T12:30:45.123Z took 12 ms', 'at 2026-11-21T12:30:45.123Z took 12 ms'],
    ['id 0af7651916cd43dd8448eb211c80319c', 'id 0af7651916cd43dd8448eb211c80319c'],
    ['cardNumber=4111111111111111', 'cardNumber=************1111'],
    ['cardNumber=99', 'cardNumber=[masked]'],
    ['{"a":{"token":123}}', '{"a":{"token":[masked]}}'],
    ['options {password: hunter2}', 'options {password: [masked]}'],
    ['token=expired', 'token=[masked]'],
    ['token: "expired"', 'token: "[masked]"'],
    ['token: expired!x7', 'token: [masked]'],
    ['TokenError: password=hunter2', 'TokenError: password=[masked]'],
    ['token: expired, password: hunter2', 'token: expired, password: [masked]'],
  ])('%s becomes %s', (text, expected) => {
    expect(mask(text)).toBe(expected);
    expect(mask({ nested: [text] })).toEqual({ nested: [expected] });
  });

  it.each([
    'token: expired',
    'Token: expired.',
    'password: must be at least 8 characters',
    'password: Invalid input: expected string, received undefined',
    'signature: does not match',
    'Authorization: required',
    'cookie: missing',
    'Unexpected token: }',
    'TokenExpiredError: jwt expired',
    'JsonWebTokenError: invalid signature',
    'the password is wrong, and so is the token',
    '{"token":null,"secret":false}',
    'hasToken=true',
  ])('leaves the sentence %s', (text) => {
    expect(mask(text)).toBe(text);
  });

  it('reads 10 MB in one go', () => {
    const big = 10 * 1024 * 1024;
    for (const text of [
      'x'.repeat(big),
      'a:'.repeat(big / 2),
      '"'.repeat(big),
      '1 '.repeat(big / 2),
      '://a:'.repeat(big / 5),
      'token: expired '.repeat(100_000),
      'cookie: '.repeat(100_000),
      `token: a${'}'.repeat(1_000_000)}`,
      `token: a${'}'.repeat(1_000_000)}b`,
    ]) {
      expect(mask(`${text} password=hunter2`).includes('hunter2')).toBe(false);
    }
  });
});

describe('createMasker, shapes', () => {
  it('returns a copy and never changes the input', () => {
    const input = Object.freeze({ a: Object.freeze([Object.freeze({ password: 'x' })]) });
    expect(mask(input)).toEqual({ a: [{ password: '[masked]' }] });
    expect(input.a[0]!.password).toBe('x');
  });

  it('asks toJSON first', () => {
    const date = new Date(0);
    const user = { id: 1, toJSON: () => ({ shown: true, password: 'x' }) };
    expect(mask({ date, user, url: new URL('http://u:p@h/') })).toEqual({
      date: '1970-01-01T00:00:00.000Z',
      user: { shown: true, password: '[masked]' },
      url: 'http://u:[masked]@h/',
    });
    const self: Record<string, unknown> = { a: 1 };
    self.toJSON = () => self;
    expect(mask(self)).toMatchObject({ a: 1 });
  });

  it('masks message, stack and causes of errors', () => {
    const cause = new AggregateError([new Error('token=abc')], 'secret: abc');
    const error = Object.assign(new TypeError('postgres://u:hunter2@h', { cause }), {
      code: 'E',
      password: 'abc',
    });
    const masked = mask({ err: error }) as any;
    expect(masked.err).toMatchObject({
      type: 'TypeError',
      name: 'TypeError',
      message: 'postgres://u:[masked]@h',
      code: 'E',
      password: '[masked]',
      cause: { message: 'secret: [masked]', errors: [{ message: 'token=[masked]' }] },
    });
    expect(masked.err.stack).toContain('TypeError: postgres://u:[masked]@h');
    expect(JSON.stringify(masked)).not.toMatch(/hunter2|abc/);
  });

  it('survives cycles, throwing getters, proxies, BigInt, symbols and bytes', () => {
    const cyclic: Record<string, unknown> = { name: 'a' };
    cyclic.self = cyclic;
    const hostile = {
      cyclic,
      get broken() {
        throw new Error('no');
      },
      proxy: new Proxy(
        {},
        {
          ownKeys: () => {
            throw new Error('no');
          },
        },
      ),
      bad: {
        toJSON: () => {
          throw new Error('no');
        },
      },
      big: 10n,
      fn: () => 1,
      symbol: Symbol('x'),
      bytes: Buffer.from('secret'),
      map: new Map<unknown, unknown>([
        ['password', 'x'],
        [1, 'token=abc'],
      ]),
      set: new Set(['password=abc']),
      bare: Object.assign(Object.create(null), { token: 'x' }) as object,
      nothing: null,
      number: NaN,
    };
    const masked = mask(hostile) as any;
    expect(masked).toMatchObject({
      cyclic: { name: 'a', self: '[circular]' },
      broken: '[unreadable]',
      proxy: '[unreadable]',
      bad: '[unreadable]',
      big: '10',
      bytes: '[6 bytes]',
      map: { password: '[masked]', 1: 'token=[masked]' },
      set: ['password=[masked]'],
      bare: { token: '[masked]' },
      nothing: null,
    });
    expect(() => JSON.stringify(masked)).not.toThrow();
  });

  it('walks the same object twice where it is no cycle', () => {
    const shared = { a: 1 };
    expect(mask({ x: shared, y: shared })).toEqual({ x: { a: 1 }, y: { a: 1 } });
  });

  it('walks eight levels and leaves out what is deeper', () => {
    const nest = (levels: number): unknown => (levels === 0 ? { value: 'leaf' } : { next: nest(levels - 1) });
    expect(JSON.stringify(mask(nest(8)))).toContain('leaf');
    expect(JSON.stringify(mask(nest(9)))).toContain('[too deep]');
    expect(JSON.stringify(mask(nest(50)))).not.toContain('leaf');
    expect(JSON.stringify(createMasker({ depth: 2 })(nest(3)))).toContain('[too deep]');
  });

  it('does not let a key named __proto__ become a prototype', () => {
    const masked = mask(JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean };
    expect(masked.admin).toBeUndefined();
    expect(JSON.stringify(masked)).toBe('{"__proto__":{"admin":true}}');
  });

  it.each([1, 'text', true, null, undefined])('returns the primitive %s', (value) => {
    expect(mask(value)).toBe(value);
  });

  it.each([
    [{ depth: 0 }, 'depth must be an integer from 1 to 100, got 0'],
    [{ keys: 'a' }, 'keys must be a list of strings, got a'],
    [{ ignore: [1] }, 'ignore must be a list of strings, got an array'],
    [{ censor: 5 }, 'censor must be a string, got number'],
    [null, 'options must be an object, got null'],
    ['password', 'options must be an object, got password'],
  ])('refuses %j', (options, message) => {
    expect(() => createMasker(options as never)).toThrow(message);
  });
});

describe('createMasker, 10,000 random objects', () => {
  it('leaks no secret at any depth', () => {
    const random = randomFrom(42);
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
    const secretKeys = [
      'password',
      'userToken',
      'client_secret',
      'x-api-key',
      'Authorization',
      'cvv',
      'privateKey',
    ];
    const plainKeys = ['a', 'items', 'user', 'shipping', 'maxTokens', 'data', 'list'];
    const secret = () => `S3CR${Math.floor(random() * 1e9)}T`;
    const leaf = (): unknown =>
      pick([
        () => 'plain',
        () => Math.floor(random() * 100),
        () => null,
        () => `postgres://u:${secret()}@h/db`,
        () => `GET /x?token=${secret()}&a=1`,
        () => `{"password":"${secret()}"}`,
        () => new Error(`failed with apiKey=${secret()}`, { cause: new Error(`secret: ${secret()}`) }),
      ])();
    const build = (depth: number): unknown => {
      if (depth === 0 || random() < 0.2) return leaf();
      if (random() < 0.3) return [build(depth - 1), build(depth - 1)];
      const object: Record<string, unknown> = {};
      for (let i = 0; i < 3; i++) {
        if (random() < 0.4)
          object[pick(secretKeys)] = pick([secret, () => [secret()], () => ({ v: secret() })])();
        else object[pick(plainKeys)] = build(depth - 1);
      }
      return object;
    };
    for (let i = 0; i < 10_000; i++) {
      const text = JSON.stringify(mask(build(1 + Math.floor(random() * 12)))) ?? '';
      if (/S3CR\d+T/.test(text)) throw new Error(`leaked: ${text}`);
    }
  });
});

// mulberry32: the same objects on every run.
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
