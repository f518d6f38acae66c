import { randomFillSync } from 'node:crypto';

const traceIdPattern = /^(?!0{32})[0-9a-f]{32}$/;
const spanIdPattern = /^(?!0{16})[0-9a-f]{16}$/;
const shortIdPattern = /^[0-9a-f]{8}$/;

// One call into the generator for 512 trace ids: half the cost of crypto.randomUUID per id.
const pool = Buffer.alloc(8192);
let used = pool.length;

/** @internal 16 random hex characters. */
export function newSpanId(): string {
  return takeHex(8);
}

/** @internal A trace id and a span id in one go: the conversion to text is most of the cost. */
export function newIds(): { traceId: string; spanId: string } {
  const hex = takeHex(24);
  return { traceId: hex.slice(0, 32), spanId: hex.slice(32) };
}

/** @internal */
export function isTraceId(value: unknown): value is string {
  return typeof value === 'string' && traceIdPattern.test(value);
}

/** @internal */
export function isSpanId(value: unknown): value is string {
  return typeof value === 'string' && spanIdPattern.test(value);
}

/** @internal */
export function isShortId(value: unknown): value is string {
  return typeof value === 'string' && shortIdPattern.test(value);
}

function takeHex(bytes: number): string {
  if (used + bytes > pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const hex = pool.toString('hex', used, used + bytes);
  used += bytes;
  return hex;
}
