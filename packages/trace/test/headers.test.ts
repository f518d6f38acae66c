import { describe, expect, it } from 'vitest';
import {
  extractTrace,
  getTrace,
  injectTrace,
  runWithTrace,
  traceRequestHeaders,
  traceResponseHeaders,
} from '../src/index.js';

const traceId = '0af7651916cd43dd8448eb211c80319c';
const traceparent = `00-${traceId}-b7ad6b7169203331-01`;

describe('injectTrace', () => {
  it('writes traceparent, tracestate, X-Trace-ID and X-Request-ID', () => {
    runWithTrace({ traceId, traceState: 'vendor=1' }, () => {
      const headers = injectTrace();
      expect(headers.traceparent).toMatch(new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`));
      expect(headers).toMatchObject({
        tracestate: 'vendor=1',
        'X-Trace-ID': '1c80319c',
        'X-Request-ID': traceId,
      });
    });
  });

  it('does not send on a tracestate of a seed that no header can hold', () => {
    runWithTrace({ traceState: 'a=1\r\nX-Injected: 1' }, () => {
      expect(injectTrace()).not.toHaveProperty('tracestate');
    });
  });

  it('has a new span id every time', () => {
    runWithTrace({}, () => {
      const spans = new Set(Array.from({ length: 50 }, () => injectTrace().traceparent));
      expect(spans.size).toBe(50);
    });
  });

  it('writes into Headers, Map and objects, and returns the carrier', () => {
    runWithTrace({ traceId }, () => {
      const headers = new Headers();
      expect(injectTrace(headers)).toBe(headers);
      expect(headers.get('x-trace-id')).toBe('1c80319c');
      const map = injectTrace(new Map<string, string>());
      expect(map.get('X-Request-ID')).toBe(traceId);
      const own = { 'x-trace-id': 'old', accept: '*/*' };
      expect(injectTrace(own)).toBe(own);
      expect(own).toMatchObject({ 'x-trace-id': '1c80319c', accept: '*/*' });
      expect(Object.keys(own).filter((key) => key.toLowerCase() === 'x-trace-id')).toHaveLength(1);
    });
  });

  it('leaves the carrier alone outside of a trace', () => {
    expect(injectTrace({ a: '1' })).toEqual({ a: '1' });
  });

  it('takes a stale tracestate off the carrier', () => {
    runWithTrace({}, () => {
      expect(injectTrace({ tracestate: 'old=1' })).not.toHaveProperty('tracestate');
      expect(injectTrace(new Headers({ tracestate: 'old=1' })).has('tracestate')).toBe(false);
    });
  });

  it('passes the sampled flag on', () => {
    runWithTrace({ sampled: false }, () => expect(injectTrace().traceparent).toMatch(/-00$/));
  });
});

describe('extractTrace, trusted', () => {
  const extract = (carrier: object) => extractTrace(carrier, { trust: true });

  it('continues a traceparent with its tracestate', () => {
    expect(extract({ traceparent, tracestate: 'a=1, b=2' })).toMatchObject({
      traceId,
      id: '1c80319c',
      parentSpanId: 'b7ad6b7169203331',
      sampled: true,
      traceState: 'a=1,b=2',
    });
  });

  it('prefers traceparent to X-Trace-ID', () => {
    expect(extract({ traceparent, 'X-Trace-ID': 'f'.repeat(32) }).traceId).toBe(traceId);
  });

  it('takes an X-Trace-ID of 32 hex as it is, and one of 8 as the tail of a new id', () => {
    expect(extract({ 'X-Trace-ID': traceId }).traceId).toBe(traceId);
    const short = extract({ 'x-trace-id': 'deadbeef' });
    expect(short.id).toBe('deadbeef');
    expect(short.traceId).toMatch(/^[0-9a-f]{24}deadbeef$/);
  });

  it('keeps the request id', () => {
    const trace = extract({ 'X-Request-ID': 'order-service.17' });
    expect(trace.requestId).toBe('order-service.17');
    expect(trace.clientRequestId).toBeUndefined();
  });

  it('reads Headers, Map, any letter case and the bytes of a Kafka header', () => {
    expect(extract(new Headers({ traceparent })).traceId).toBe(traceId);
    expect(extract(new Map([['traceparent', traceparent]])).traceId).toBe(traceId);
    expect(extract({ TraceParent: traceparent }).traceId).toBe(traceId);
    expect(extract({ traceparent: Buffer.from(traceparent) }).traceId).toBe(traceId);
  });

  it('accepts a later version with more fields, as W3C asks', () => {
    expect(extract({ traceparent: `cc-${traceId}-b7ad6b7169203331-01-what-comes` }).traceId).toBe(traceId);
  });

  it.each([
    ['version ff', `ff-${traceId}-b7ad6b7169203331-01`],
    ['upper case', traceparent.toUpperCase()],
    ['a zero trace id', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['a zero span id', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['more fields in version 00', `${traceparent}-x`],
    ['a list of two', `${traceparent}, ${traceparent}`],
    ['a line break', `${traceparent}\r\n`],
    ['one that came twice', [traceparent, traceparent]],
    ['no text', 17],
  ])('starts anew for %s', (_, value) => {
    const trace = extract({ traceparent: value });
    expect(trace.traceId).not.toBe(traceId);
    expect(trace.id).toMatch(/^[0-9a-f]{8}$/);
  });

  it.each([
    ['33 members', Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(',')],
    ['more than 512 characters', `k=${'x'.repeat(511)}`],
    ['a control character', 'k=a\u0001b'],
    ['upper-case keys', 'Key=1'],
    ['a key given twice', 'a=1,a=2'],
    ['no equals sign', 'abc'],
  ])('drops a tracestate of %s and keeps the traceparent', (_, tracestate) => {
    expect(extract({ traceparent, tracestate })).toMatchObject({ traceId, traceState: undefined });
  });

  it('accepts 32 members and 512 characters', () => {
    const members = Array.from({ length: 32 }, (_, i) => `k${i}=1`).join(',');
    expect(extract({ traceparent, tracestate: members }).traceState).toBe(members);
    const long = `a=${'x'.repeat(254)},b=${'y'.repeat(253)}`;
    expect(long).toHaveLength(512);
    expect(extract({ traceparent, tracestate: long }).traceState).toBe(long);
  });
});

describe('extractTrace, not trusted', () => {
  it('starts anew and remembers the id as the client’s', () => {
    const trace = extractTrace({ 'x-request-id': 'client-id-1', traceparent });
    expect(trace.traceId).not.toBe(traceId);
    expect(trace).toMatchObject({
      clientRequestId: 'client-id-1',
      requestId: undefined,
      parentSpanId: undefined,
    });
  });

  it('remembers the trace id where that is all the client sent', () => {
    expect(extractTrace({ 'x-trace-id': 'deadbeef' }).clientRequestId).toBe('deadbeef');
    expect(extractTrace({ traceparent }).clientRequestId).toBe(traceId);
    expect(extractTrace({}).clientRequestId).toBeUndefined();
  });
});

describe('extractTrace, what is no carrier', () => {
  const throwing = {
    get traceparent(): string {
      throw new Error('no');
    },
  };
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a text', 'x' as never],
    ['a getter that throws', throwing],
  ])('starts anew for %s', (_, carrier) => {
    for (const trust of [true, false]) expect(extractTrace(carrier, { trust }).id).toMatch(/^[0-9a-f]{8}$/);
  });
});

describe('extractTrace, hostile ids', () => {
  it.each([
    'short',
    'x'.repeat(65),
    '-starts-with-a-dash',
    'has space in it',
    '${jndi:ldap://evil/a}',
    '<script>alert(1)</script>',
    'caf\u00e9-caf\u00e9-caf\u00e9',
    'a\r\nSet-Cookie: a=b',
    'aaaaaaaa, aaaaaaaa',
  ])('takes nothing from %j', (id) => {
    for (const trust of [true, false]) {
      const trace = extractTrace({ 'x-request-id': id, 'x-trace-id': id }, { trust });
      expect(trace.requestId).toBeUndefined();
      expect(trace.clientRequestId).toBeUndefined();
      expect(trace.id).toMatch(/^[0-9a-f]{8}$/);
    }
  });
});

describe('a queue payload', () => {
  it('carries the trace from producer to consumer through JSON', () => {
    const sent = runWithTrace({}, () => ({
      trace: getTrace()!,
      payload: JSON.stringify({ orderId: 'o-1', ...injectTrace() }),
    }));
    runWithTrace(JSON.parse(sent.payload) as object, () => {
      expect(getTrace()).toMatchObject({ traceId: sent.trace.traceId, kind: 'message' });
      expect(getTrace()!.parentSpanId).toMatch(/^[0-9a-f]{16}$/);
      expect(getTrace()!.spanId).not.toBe(getTrace()!.parentSpanId);
    });
  });
});

describe('the header lists', () => {
  it('name what CORS has to allow and expose', () => {
    expect(traceRequestHeaders).toEqual(['traceparent', 'tracestate', 'X-Trace-ID', 'X-Request-ID']);
    expect(traceResponseHeaders).toEqual(['X-Trace-ID', 'X-Request-ID']);
  });
});
