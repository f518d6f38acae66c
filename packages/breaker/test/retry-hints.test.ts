import { describe, expect, it } from 'vitest';
import { isBreakerRejection, parseRetryAfter, retryAfterMsOf } from '../src/retry-hints.js';

describe('what an error says about a retry', () => {
  it.each([
    [{ retryAfterMs: 1_500 }, 1_500],
    [{ retryAfterMs: 0 }, 0],
    [{ retryAfterMs: -1 }, undefined],
    [{ retryAfterMs: Number.NaN }, undefined],
    [{ retryAfterMs: '1500' }, undefined],
    [{}, undefined],
    [null, undefined],
    [undefined, undefined],
  ])('%o asks to wait %s ms', (error, expected) => {
    expect(retryAfterMsOf(error)).toBe(expected);
  });

  it.each([
    [{ isBrokenCircuitError: true }, true],
    [{ isBrokenCircuitError: 'yes' }, false],
    [null, false],
    ['open', false],
  ])('%o comes of an open breaker: %s', (error, expected) => {
    expect(isBreakerRejection(error)).toBe(expected);
  });
});

describe('a Retry-After header', () => {
  const now = () => Date.parse('Fri, 27 Nov 2026 10:00:00 GMT');

  it.each([
    ['120', 120_000],
    [' 3 ', 3_000],
    ['0', 0],
    ['Fri, 27 Nov 2026 10:00:05 GMT', 5_000],
    ['Fri, 27 Nov 2026 09:00:00 GMT', 0],
    ['1.5', undefined],
    ['-5', undefined],
    ['5 minutes or so', undefined],
    ['soon', undefined],
    ['2026-11-27', undefined],
    ['', undefined],
    ['  ', undefined],
    [null, undefined],
  ])('%j means %s ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});
