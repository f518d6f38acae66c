import { EventEmitter } from 'node:events';
import { createServer } from 'node:http';
import { MessageChannel } from 'node:worker_threads';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { bindEmitter, bindTrace, getTraceId, runWithTrace } from '../src/index.js';

describe('bindEmitter', () => {
  it('runs a listener in the trace it was added in', () => {
    const emitter = bindEmitter(new EventEmitter());
    const seen: unknown[] = [];
    const ids = [1, 2].map(() =>
      runWithTrace({}, () => {
        emitter.on('x', () => seen.push(getTraceId()));
        return getTraceId();
      }),
    );
    runWithTrace({}, () => emitter.emit('x'));
    expect(seen).toEqual(ids);
  });

  it('runs listeners from outside in the trace it was bound in', () => {
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    emitter.on('x', () => seen.push(getTraceId()));
    const id = runWithTrace({}, () => {
      bindEmitter(emitter);
      return getTraceId();
    });
    emitter.emit('x');
    expect(seen).toEqual([id]);
  });

  it.each(['on', 'addListener', 'prependListener'] as const)('can take off what %s added', (method) => {
    const emitter = bindEmitter(new EventEmitter());
    let calls = 0;
    const listener = () => void calls++;
    runWithTrace({}, () => emitter[method]('x', listener));
    expect(emitter.listeners('x')).toEqual([listener]);
    emitter.off('x', listener);
    emitter.emit('x');
    expect(calls).toBe(0);
  });

  it.each(['once', 'prependOnceListener'] as const)('calls what %s added once, in its trace', (method) => {
    const emitter = bindEmitter(new EventEmitter());
    const seen: unknown[] = [];
    const listener = () => void seen.push(getTraceId());
    const id = runWithTrace({}, () => {
      emitter[method]('x', listener);
      emitter[method]('y', listener);
      return getTraceId();
    });
    emitter.emit('x');
    emitter.emit('x');
    emitter.off('y', listener);
    emitter.emit('y');
    expect(seen).toEqual([id]);
    expect(emitter.listenerCount('x')).toBe(0);
  });

  it('passes receiver, arguments and results on', async () => {
    const emitter = bindEmitter(new EventEmitter());
    const waiting = runWithTrace({}, () => once(emitter, 'x'));
    const receivers: unknown[] = [];
    emitter.on('x', function (this: unknown) {
      receivers.push(this);
    });
    expect(emitter.emit('x', 1, 2)).toBe(true);
    expect(emitter.emit('nobody')).toBe(false);
    expect(receivers).toEqual([emitter]);
    await expect(waiting).resolves.toEqual([1, 2]);
  });

  it('binds once, and again to a later trace', () => {
    const emitter = new EventEmitter();
    const seen: unknown[] = [];
    emitter.on('x', () => seen.push(getTraceId()));
    const ids = [1, 2].map(() =>
      runWithTrace({}, () => {
        expect(bindEmitter(emitter)).toBe(emitter);
        emitter.emit('x');
        return getTraceId();
      }),
    );
    expect(seen).toEqual(ids);
  });

  it('refuses what is no emitter', () => {
    expect(() => bindEmitter(null as never)).toThrow('emitter must be an EventEmitter, got null');
    expect(() => bindEmitter({} as never)).toThrow('emitter must be an EventEmitter, got object');
    expect(() => bindEmitter(bindEmitter(new EventEmitter()).on('x', 1 as never))).toThrow(TypeError);
  });
});

describe('what loses its trace without bindTrace', () => {
  it('an abort listener', () => {
    const controller = new AbortController();
    const seen: unknown[] = [];
    const id = runWithTrace({}, () => {
      controller.signal.addEventListener(
        'abort',
        bindTrace(() => seen.push(getTraceId())),
      );
      return getTraceId();
    });
    runWithTrace({}, () => controller.abort());
    expect(seen).toEqual([id]);
  });

  it('a message port', async () => {
    const { port1, port2 } = new MessageChannel();
    const seen = await new Promise<unknown[]>((resolve) => {
      const id = runWithTrace({}, () => {
        port1.on(
          'message',
          bindTrace(() => resolve([getTraceId(), id])),
        );
        return getTraceId();
      });
      port2.postMessage('x');
    });
    port1.close();
    expect(seen[0]).toBe(seen[1]);
  });

  it('a raw finish listener of a response', async () => {
    const seen: unknown[] = [];
    const server = createServer((_req, res) => {
      runWithTrace({}, () => {
        const id = getTraceId();
        res.on(
          'finish',
          bindTrace(() => seen.push(getTraceId() === id)),
        );
        setTimeout(() => res.end('x'), 1);
      });
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    await (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)).text();
    server.close();
    expect(seen).toEqual([true]);
  });

  it('a callback that a pool runs for whoever waits next', () => {
    const waiting: (() => void)[] = [];
    const connect = (callback: () => void) => void waiting.push(callback);
    const release = () => waiting.shift()?.();
    const seen: unknown[] = [];
    const id = runWithTrace({}, () => {
      connect(bindTrace(() => seen.push(getTraceId())));
      return getTraceId();
    });
    runWithTrace({}, release);
    expect(seen).toEqual([id]);
  });
});
