import { describe, expect, it } from 'vitest';
import { HttpStatusError, ResponseTooLargeError, TimeoutError } from '../src/errors.js';
import type { PreparedRequest } from '../src/http-request.js';
import { mayResend } from '../src/http-retry.js';

const get = { idempotent: true, replayable: true } as PreparedRequest;
const post = { idempotent: false, replayable: true } as PreparedRequest;
const streamed = { idempotent: true, replayable: false } as PreparedRequest;
const withCode = (code: unknown, error: Error = new Error('x')) => Object.assign(error, { code });
const status = (code: number) =>
  new HttpStatusError('GET /', new Response(null, { status: code }), { bodyExcerpt: '' });
const nested = (depth: number, innermost: Error): Error =>
  depth === 0 ? innermost : new Error('outer', { cause: nested(depth - 1, innermost) });

describe('a request that failed is sent again', () => {
  it.each([
    ['408', status(408)],
    ['429', status(429)],
    ['500', status(500)],
    ['503', status(503)],
    ['a timeout', new TimeoutError('partner', 100)],
    ['a reset', withCode('ECONNRESET')],
    ["undici's code", withCode('UND_ERR_SOCKET')],
    ['a code on the cause', nested(1, withCode('ECONNRESET'))],
    ['a code three causes deep', nested(3, withCode('ECONNRESET'))],
    ['a code in an aggregate', new AggregateError([withCode('ECONNRESET')])],
    [
      "fetch's TypeError with a cause",
      new TypeError('fetch failed', { cause: new Error('other side closed') }),
    ],
  ])('after %s', (_case, error) => {
    expect(mayResend(get, error, false)).toBe(true);
    expect(mayResend(post, error, false)).toBe(false);
    expect(mayResend(streamed, error, false)).toBe(false);
  });

  it.each([
    ['501', status(501)],
    ['404', status(404)],
    ['499', status(499)],
    ['a wrong argument', new TypeError('Failed to parse URL')],
    ['an error of the program', new Error('x', { cause: new Error('y') })],
    ['a code of another world', withCode('NOT_ECONNRESET')],
    ['a list as code', withCode(['ECONNRESET'])],
    ['a code that lies too deep', nested(4, withCode('ECONNRESET'))],
    ['a circle of redirects', new TypeError('fetch failed', { cause: new Error('redirect count exceeded') })],
    ['a body that is too large', withCode('ECONNRESET', new ResponseTooLargeError('GET /', 10))],
    ['null', null],
    ['a text', 'ECONNRESET'],
    ['nothing', undefined],
  ])('not after %s', (_case, error) => {
    expect(mayResend(get, error, false)).toBe(false);
  });

  it.each(['ECONNREFUSED', 'ENOTFOUND'])('even a POST after %s, as it has never left', (code) => {
    expect(mayResend(post, withCode(code), false)).toBe(true);
    expect(mayResend(post, new AggregateError([withCode(code)]), false)).toBe(true);
    expect(mayResend(streamed, withCode(code), false)).toBe(false);
  });

  it("after whatever the user's retryOn has chosen, but nothing that could take effect twice", () => {
    expect(mayResend(get, status(404), true)).toBe(true);
    expect(mayResend(post, status(404), true)).toBe(false);
    expect(mayResend(streamed, status(404), true)).toBe(false);
  });
});
