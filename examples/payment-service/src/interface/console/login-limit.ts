import { isIPv6 } from 'node:net';

export interface LoginLimit {
  /** How long this address has to wait before its next attempt, in ms; 0 when it need not. */
  waitMs(address: string): number;
  failed(address: string): void;
}

const maxAddresses = 1_000;
/** Whom there is no room for, together. */
const others = '';

/** Counts wrong tokens by address, in fixed windows and bounded memory. */
export function createLoginLimit(max: number, windowMs: number, now: () => number): LoginLimit {
  const windows = new Map<string, { failures: number; until: number }>();
  const current = (key: string) => {
    const window = windows.get(key);
    if (window && window.until > now()) return window;
    windows.delete(key);
    return undefined;
  };
  const keyFor = (address: string) => {
    const key = networkOf(address);
    if (windows.has(key) || windows.size < maxAddresses) return key;
    for (const known of windows.keys()) current(known);
    return windows.size < maxAddresses ? key : others;
  };

  return {
    waitMs(address) {
      const window = current(keyFor(address));
      return window !== undefined && window.failures >= max ? window.until - now() : 0;
    },
    failed(address) {
      const key = keyFor(address);
      const window = current(key);
      if (window) window.failures += 1;
      else windows.set(key, { failures: 1, until: now() + windowMs });
    },
  };
}

/** One household has a /64 of IPv6 addresses. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail = ''] = address.split('::');
  const parts = head.split(':');
  const missing = 8 - parts.length - (tail === '' ? 0 : tail.split(':').length);
  const whole = [...parts, ...Array.from({ length: Math.max(0, missing) }, () => '0'), ...tail.split(':')];
  return whole.slice(0, 4).join(':');
}
