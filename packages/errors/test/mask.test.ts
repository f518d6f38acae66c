import { describe, expect, it } from 'vitest';
import { isSecretKey, maskAndCut, maskText } from '../src/mask.js';
import { isInternalText } from '../src/public-message.js';

describe('maskText', () => {
  it.each([
    ['postgres://shop:pw@db/x', 'postgres://***@db/x'],
    ['redis://:pw@cache:6379', 'redis://***@cache:6379'],
    ['https://user:p@ss@host/path', 'https://***@host/path'],
    ['https://host/path?x=1', 'https://host/path?x=1'],
    ['password=abc, user=bob', 'password=***, user=bob'],
    ['{"client_secret":"abc"}', '{"client_secret":***}'],
    ["dbPassword: 'a b c'", 'dbPassword: ***'],
    ['Authorization: Bearer abc.def', 'Authorization: *** ***'],
    ['x-api-key: abc', 'x-api-key: ***'],
    ['sent sk_live_abcdef', 'sent ***'],
    ['jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.abc', 'jwt ***'],
    ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----', '***'],
    ['card 4111111111111111', 'card ***'],
    ['card 3782 822463 10005', 'card ***'],
    ['visa of 13 digits 4222222222222', 'visa of 13 digits ***'],
    ['visa of 19 digits 4000000000000000006', 'visa of 19 digits ***'],
    ['mastercard 5555-5555-5555-4444', 'mastercard ***'],
    ['mastercard 2223003122003222', 'mastercard ***'],
    ['discover 6011111111111117', 'discover ***'],
    ['jcb 3530111333300000', 'jcb ***'],
    ['unionpay 6200000000000005', 'unionpay ***'],
    ['no issuer 9111111111111110', 'no issuer 9111111111111110'],
    ['Key (email)=(a@b.c) already exists.', 'Key (email)=(***) already exists.'],
    ['Failing row contains (7, a@b.c, null).', 'Failing row contains (***).'],
    ["Duplicate entry 'a@b.c' for key 'email'", "Duplicate entry '***' for key 'email'"],
    ['order 4111111111111112', 'order 4111111111111112'],
    ['maxTokens is 100, shipping free', 'maxTokens is 100, shipping free'],
    ['nothing to see', 'nothing to see'],
  ])('makes of %j %j', (text, expected) => {
    expect(maskText(text)).toBe(expected);
  });

  it('takes hostile texts in linear time', () => {
    const size = 24_000;
    const hostile = [
      'a',
      'password',
      '1',
      '4 ',
      'a.',
      'select ',
      'at ',
      '(',
      'key (',
      'http://',
      ' ',
      'token=',
      '\n',
      'violates ',
    ];
    const startedAt = performance.now();
    for (const part of hostile) {
      const text = part.repeat(Math.ceil(size / part.length));
      maskText(text);
      isInternalText(text);
      maskAndCut(text.repeat(10), 512);
    }
    // Quadratic patterns took minutes here; this takes tens of milliseconds.
    expect(performance.now() - startedAt).toBeLessThan(60_000);
  });
});

describe('maskAndCut', () => {
  it('drops a word of which only half was seen', () => {
    expect(maskAndCut(`${'x '.repeat(10)}password=abc`, 8)).toBe('x x x x…');
    expect(maskAndCut('y'.repeat(100), 20)).toBe('[a very long word]');
    expect(maskAndCut('short', 20)).toBe('short');
    // Seen as a whole, up to four times the limit.
    expect(maskAndCut('y'.repeat(80), 20)).toBe(`${'y'.repeat(19)}…`);
    expect(maskAndCut('y'.repeat(81), 20)).toBe('[a very long word]');
  });

  it('sees four times as much as it keeps', () => {
    expect(maskAndCut('word '.repeat(1_000), 20)).toBe('word word word word…');
    expect(maskAndCut(`${'x'.repeat(10)} ${'y'.repeat(100)}`, 20)).toBe(`${'x'.repeat(10)} `);
  });

  it('cuts only what is longer than the limit', () => {
    expect(maskAndCut('y'.repeat(20), 20)).toBe('y'.repeat(20));
    expect(maskAndCut('y'.repeat(21), 20)).toBe(`${'y'.repeat(19)}…`);
  });
});

describe('isSecretKey', () => {
  it.each([
    'password',
    'userPassword',
    'X-Auth-Token',
    'api_key',
    'apiKey',
    'key',
    'pin',
    'cardNumber',
    'Set-Cookie',
  ])('hides %s', (key) => expect(isSecretKey(key)).toBe(true));
  it.each(['maxTokens', 'shipping', 'keyboard', 'spinner', 'id', 'primaryKey', ''])('shows %s', (key) =>
    expect(isSecretKey(key)).toBe(false),
  );
});
