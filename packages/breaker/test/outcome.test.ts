import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { DeadlineExceededError, HttpStatusError, TimeoutError } from '../src/errors.js';
import { isTimeoutLike, judge } from '../src/outcome.js';

const rejected = (reason: unknown) => ({ status: 'rejected', reason }) as const;
const fulfilled = { status: 'fulfilled', value: 1 } as const;
const status = (code: number) =>
  new HttpStatusError('GET /', new Response(null, { status: code }), { bodyExcerpt: '' });

describe('the verdict on a call', () => {
  it.each([
    [408, 'failure'],
    [429, 'ignore'],
    [499, 'success'],
    [500, 'failure'],
    [501, 'success'],
    [503, 'failure'],
  ])('of status %i is %s', (code, verdict) => {
    expect(judge({}, rejected(status(code)))).toBe(verdict);
  });

  it.each(['success', 'failure', 'ignore'] as const)('is what classify says: %s', (verdict) => {
    expect(judge({ classify: () => verdict }, fulfilled)).toBe(verdict);
    expect(judge({ classify: () => verdict }, rejected(new Error('x')))).toBe(verdict);
  });

  it('is the usual one when classify says nothing that is a verdict', () => {
    const classify = () => 'fine' as never;
    expect(judge({ classify }, fulfilled)).toBe('success');
    expect(judge({ classify }, rejected(new Error('x')))).toBe('failure');
  });

  it('is the usual one when classify throws, and a warning says so', async () => {
    const warned = once(process, 'warning');
    const classify = () => {
      throw new Error('a rule of the user');
    };
    expect(judge({ classify }, rejected(new Error('x')))).toBe('failure');
    expect(await warned).toMatchObject([
      {
        code: 'KIT_BREAKER_CALLBACK',
        message: expect.stringMatching(/^classify threw \(a rule of the user\)/),
      },
    ]);
  });
});

describe('what counts as a timeout', () => {
  it.each([
    ['our own', new TimeoutError('partner', 10), true],
    ['a deadline', new DeadlineExceededError('partner', 0), true],
    ['that of AbortSignal.timeout', new DOMException('x', 'TimeoutError'), true],
    ['one of another library', { name: 'TimeoutError' }, true],
    ['an abort', new DOMException('x', 'AbortError'), false],
    ['another error', new Error('x'), false],
    ['an object without a name', {}, false],
    ['null', null, false],
    ['nothing', undefined, false],
    ['a text', 'TimeoutError', false],
    ['a function of that name', { TimeoutError() {} }.TimeoutError, false],
  ])('%s', (_case, reason, expected) => {
    expect(isTimeoutLike(reason)).toBe(expected);
  });
});
