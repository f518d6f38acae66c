import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bindTrace, getTrace, getTraceId, runWithTrace, setTraceFields } from '../src/index.js';

describe('runWithTrace', () => {
  it('starts a trace whose short id is the tail of its W3C id', () => {
    runWithTrace({}, () => {
      const trace = getTrace()!;
      expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
      expect(trace.id).toBe(trace.traceId.slice(-8));
      expect(getTraceId()).toBe(trace.id);
      expect(trace.spanId).toMatch(/^[0-9a-f]{16}$/);
      expect(trace).toMatchObject({ sampled: true, kind: 'job', fields: {} });
    });
  });

  it('returns what the function returns, and lets its error through', async () => {
    expect(runWithTrace({}, () => 7)).toBe(7);
    await expect(runWithTrace({}, async () => 8)).resolves.toBe(8);
    expect(() =>
      runWithTrace({}, () => {
        throw new Error('mine');
      }),
    ).toThrow('mine');
  });

  it('has no trace outside', () => {
    expect(getTrace()).toBeUndefined();
    expect(getTraceId()).toBeUndefined();
  });

  it('inherits the outer trace when nested without a seed', () => {
    runWithTrace({}, () => {
      const outer = getTrace();
      runWithTrace({}, () => expect(getTrace()).toBe(outer));
      runWithTrace(undefined, () => expect(getTrace()).toBe(outer));
    });
  });

  it('gives a nested seed without an id a child span of the outer trace', () => {
    runWithTrace({ fields: { a: 1 } }, () => {
      const outer = getTrace()!;
      runWithTrace({ kind: 'cron', fields: { b: 2 } }, () => {
        const inner = getTrace()!;
        expect(inner).toMatchObject({ traceId: outer.traceId, parentSpanId: outer.spanId, kind: 'cron' });
        expect(inner.spanId).not.toBe(outer.spanId);
        expect(inner.fields).toEqual({ a: 1, b: 2 });
      });
      expect(outer.fields).toEqual({ a: 1 });
    });
  });

  it('takes the ids of a seed, and a short id as the tail of a new trace id', () => {
    const traceId = '0af7651916cd43dd8448eb211c80319c';
    runWithTrace({ traceId, spanId: 'b7ad6b7169203331' }, () =>
      expect(getTrace()).toMatchObject({ traceId, id: '1c80319c', spanId: 'b7ad6b7169203331' }),
    );
    runWithTrace({ id: 'deadbeef' }, () => expect(getTrace()!.traceId).toMatch(/^[0-9a-f]{24}deadbeef$/));
  });

  it('separates a seed with an id from the trace around it', () => {
    runWithTrace({ fields: { a: 1 } }, () => {
      const outer = getTrace()!;
      runWithTrace({ traceId: '0af7651916cd43dd8448eb211c80319c' }, () => {
        expect(getTrace()!.traceId).not.toBe(outer.traceId);
        expect(getTrace()!.fields).toEqual({});
      });
    });
  });

  it.each([
    ['traceId', 'nonsense'],
    ['traceId', '0'.repeat(32)],
    ['traceId', 'A'.repeat(32)],
    ['id', '<script>'],
    ['spanId', '\r\n'],
  ])('generates what a malformed %s would have given (%s)', (key, value) => {
    runWithTrace({ [key]: value }, () => {
      expect(getTrace()!.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect(getTrace()!.spanId).toMatch(/^[0-9a-f]{16}$/);
    });
  });

  it('takes neither a flag that is no boolean nor a kind that is no word', () => {
    runWithTrace(JSON.parse('{"sampled":"no","kind":5}'), () => {
      expect(getTrace()).toMatchObject({ sampled: true, kind: 'job' });
    });
  });

  it('starts a new trace where a payload throws when it is read', () => {
    const unreadable = new Proxy(
      {},
      {
        ownKeys: () => {
          throw new Error('revoked');
        },
      },
    );
    const getter = {
      get traceparent(): string {
        throw new Error('no');
      },
    };
    for (const payload of [unreadable, getter])
      expect(runWithTrace(payload, () => getTrace()!.traceId)).toMatch(/^[0-9a-f]{32}$/);
  });

  it('drops request ids that could not be sent in a header', () => {
    runWithTrace({ requestId: 'a\r\nb: c-d-e', clientRequestId: '${jndi:ldap://x}' }, () => {
      expect(getTrace()!.requestId).toBeUndefined();
      expect(getTrace()!.clientRequestId).toBeUndefined();
    });
  });

  it('keeps 1,000 interleaved traces apart through timers and promises', async () => {
    const seen = await Promise.all(
      Array.from({ length: 1000 }, (_, i) =>
        runWithTrace({ fields: { i } }, async () => {
          const { traceId } = getTrace()!;
          await sleep(i % 7);
          await Promise.resolve();
          await new Promise((resolve) => setImmediate(resolve));
          return getTrace()!.traceId === traceId && getTrace()!.fields.i === i;
        }),
      ),
    );
    expect(seen.every(Boolean)).toBe(true);
  });

  it('refuses a second argument that is no function', () => {
    expect(() => runWithTrace({}, undefined as never)).toThrow(
      new TypeError('fn must be a function, got undefined'),
    );
  });
});

describe('a trace', () => {
  it('has an identity that cannot be changed, and fields that can', () => {
    runWithTrace({}, () => {
      const trace = getTrace() as { traceId: string; fields: Record<string, unknown> };
      expect(() => (trace.traceId = 'x')).toThrow(TypeError);
      trace.fields.a = 1;
      expect(getTrace()!.fields).toEqual({ a: 1 });
    });
  });

  it('does not write into the seed it was made from', () => {
    const seed = Object.freeze({ fields: Object.freeze({ a: 1 }) });
    runWithTrace(seed, () => setTraceFields({ b: 2 }));
    expect(seed.fields).toEqual({ a: 1 });
  });
});

describe('setTraceFields', () => {
  it('adds to the fields of the trace', () => {
    runWithTrace({}, () => {
      setTraceFields({ userId: 'u1' });
      setTraceFields({ tenant: 't1' });
      expect(getTrace()!.fields).toEqual({ userId: 'u1', tenant: 't1' });
    });
  });

  it('does nothing outside of a trace', () => {
    expect(() => setTraceFields({ a: 1 })).not.toThrow();
  });
});

describe('bindTrace', () => {
  it('keeps a listener in its trace, with its receiver and arguments', () => {
    const emitter = new EventEmitter();
    const receiver = { seen: [] as unknown[] };
    const traceId = runWithTrace({}, () => {
      const listener = function (this: typeof receiver, a: number, b: number) {
        this.seen.push(getTraceId(), a + b);
      };
      emitter.on('x', bindTrace(listener).bind(receiver));
      return getTraceId();
    });
    emitter.emit('x', 1, 2);
    expect(receiver.seen).toEqual([traceId, 3]);
  });

  it('returns the very function outside of a trace', () => {
    const fn = () => 1;
    expect(bindTrace(fn)).toBe(fn);
  });

  it('refuses what is no function', () => {
    expect(() => bindTrace('x' as never)).toThrow('fn must be a function, got string');
  });
});
