import { describe, expect, it, vi } from 'vitest';
import * as first from '../src/index.js';

const key = Symbol.for('@kit/trace');
const port = () => (globalThis as unknown as Record<symbol, first.TracePort>)[key]!;

async function secondCopy(): Promise<typeof first> {
  vi.resetModules();
  return import('../src/index.js');
}

describe('the trace port', () => {
  it('is version 1 with getTrace, run and inject', () => {
    expect(port()).toMatchObject({ version: 1 });
    expect(Object.keys(port()).sort()).toEqual(['getTrace', 'inject', 'run', 'version']);
    expect(Object.isFrozen(port())).toBe(true);
  });

  it('reads, runs and injects without an import of the package', () => {
    const { getTrace, run, inject } = port();
    first.runWithTrace({}, () => expect(getTrace()).toBe(first.getTrace()));
    const trace = first.extractTrace({});
    run(trace, () => {
      expect(first.getTraceId()).toBe(trace.id);
      expect(inject({})).toMatchObject({ 'X-Trace-ID': trace.id });
    });
    const carrier = {};
    expect(inject(carrier)).toBe(carrier);
    expect(carrier).toEqual({});
  });

  it('works with a bare trace that another program runs', () => {
    const bare = { traceId: '0af7651916cd43dd8448eb211c80319c', id: '1c80319c' } as first.Trace;
    port().run(bare, () => {
      expect(() => first.setTraceFields({ a: 1 })).not.toThrow();
      expect(() => first.getLogger().debug('x')).not.toThrow();
      expect(first.injectTrace().traceparent).toMatch(
        /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-00$/,
      );
      first.runWithTrace({ kind: 'job' }, () => expect(first.getTrace()!.traceId).toBe(bare.traceId));
    });
  });

  it('makes two copies of the package share one context', async () => {
    const before = port();
    const second = await secondCopy();
    expect(second.runWithTrace).not.toBe(first.runWithTrace);
    expect(port()).toBe(before);
    second.runWithTrace({}, () => {
      expect(first.getTrace()).toBe(second.getTrace());
      first.setTraceFields({ a: 1 });
      expect(second.getTrace()!.fields).toEqual({ a: 1 });
      first.runWithTrace({}, () => expect(first.getTrace()).toBe(second.getTrace()));
      expect(first.getLogger()).toBeDefined();
    });
  });

  it('makes two copies share the root logger, and log traces of each other', async () => {
    const second = await secondCopy();
    const logger = second.createLogger({ console: false });
    expect(first.getLogger()).toBe(logger);
    second.runWithTrace({}, () => expect(() => first.getLogger('x').info('x')).not.toThrow());
  });

  it('uses a port by its shape, and replaces what is none', async () => {
    const ours = port();
    const trace = first.extractTrace({});
    const holder = globalThis as unknown as Record<symbol, unknown>;
    try {
      holder[key] = {
        version: 2,
        getTrace: () => trace,
        run: (_: unknown, fn: () => unknown) => fn(),
        inject: (c: unknown) => c,
      };
      expect((await secondCopy()).getTraceId()).toBe(trace.id);
      holder[key] = { version: 1 };
      const replaced = await secondCopy();
      expect(replaced.getTraceId()).toBeUndefined();
      replaced.runWithTrace({}, () => expect(port().getTrace()!.id).toBe(replaced.getTraceId()));
    } finally {
      holder[key] = ours;
    }
  });
});
