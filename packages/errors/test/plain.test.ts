import { describe, expect, it } from 'vitest';
import { toPlain } from '../src/plain.js';

describe('toPlain', () => {
  it('copies lists, null and booleans, and has null where JSON knows no value', () => {
    const value = { list: [1, undefined, () => {}, { password: 'x' }], none: null, yes: true, no: false };
    expect(toPlain(value, { purpose: 'log' })).toEqual({
      list: [1, null, null, { password: '***' }],
      none: null,
      yes: true,
      no: false,
    });
  });

  it('masks secrets for a log, and hides the whole of an internal text from a caller', () => {
    const text = 'cannot reach postgres://shop:pw@db/shop';
    expect(toPlain(text, { purpose: 'log' })).toBe('cannot reach postgres://***@db/shop');
    expect(toPlain(text, { purpose: 'show' })).toBe('***');
  });

  it('shows twice what occurs twice, and calls only a cycle circular', () => {
    const shared = { id: 7 };
    expect(toPlain({ a: shared, b: [shared] }, { purpose: 'log' })).toEqual({ a: { id: 7 }, b: [{ id: 7 }] });
  });

  it('keeps a key called __proto__ as a key', () => {
    const value = JSON.parse('{"__proto__": {"a": 1}, "b": 2}') as object;
    expect(JSON.stringify(toPlain(value, { purpose: 'log' }))).toBe('{"__proto__":{"a":1},"b":2}');
  });

  it.each([
    ['a text that is too long', 'abcd', { maxText: 3 }, 'abc…'],
    ['no text of the length itself', 'abc', { maxText: 3 }, 'abc'],
    ['what lies too deep', { a: { b: { c: 1 } } }, { maxDepth: 2 }, { a: { b: '[cut]' } }],
    ['objects past the limit', { a: {}, b: {}, c: {} }, { maxNodes: 3 }, { a: {}, b: {}, c: '[cut]' }],
    ['keys past the limit', { a: 1, b: 2, c: 3 }, { maxNodes: 2 }, { a: 1, b: 2 }],
    ['elements past the limit', [[1, 2, 3]], { maxNodes: 2 }, [[1, 2]]],
    ['lists that lie too deep', [[[1]]], { maxDepth: 2 }, [['[cut]']]],
  ])('cuts %s', (_case, value, limits, expected) => {
    expect(toPlain(value, { purpose: 'log', ...limits })).toEqual(expected);
  });

  it('asks toJSON where it is a function, but not for ever', () => {
    expect(toPlain({ toJSON: 'x', a: 1 }, { purpose: 'log' })).toEqual({ toJSON: 'x', a: 1 });
    const endless = () => ({ toJSON: endless });
    expect(toPlain(endless(), { purpose: 'log' })).toBe('[cut]');
  });
});
