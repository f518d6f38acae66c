import { describe, expect, it } from 'vitest';
import { read, readArray, readNumber } from '../src/read.js';

describe('read', () => {
  it('reads objects and functions, and nothing else', () => {
    expect(read({ code: 'X' }, 'code')).toBe('X');
    expect(
      read(
        Object.assign(() => {}, { code: 'X' }),
        'code',
      ),
    ).toBe('X');
    for (const value of ['text', 5, null, undefined]) expect(read(value, 'length')).toBeUndefined();
  });

  it('reads a number only where there is one', () => {
    expect(readNumber({ errno: '5' }, 'errno')).toBeUndefined();
  });

  it('copies a list up to a limit, and survives one that cannot be read', () => {
    const list = [1, 2, 3];
    expect(readArray({ list }, 'list', 2)).toEqual([1, 2]);
    expect(readArray({ list }, 'list')).not.toBe(list);
    const { proxy, revoke } = Proxy.revocable([], {});
    revoke();
    expect(readArray({ list: proxy }, 'list')).toBeUndefined();
  });
});
