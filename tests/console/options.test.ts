import { describe, expect, it } from 'vitest';
import { createConsole } from '../../examples/payment-service/src/interface/console/console.ts';
import type { ConsoleOptions } from '../../examples/payment-service/src/interface/console/options.ts';
import { token } from './server.ts';

const health = {
  report: async () => ({ status: 'healthy', checks: [] }),
  isReady: () => true,
  isShuttingDown: false,
};

describe('createConsole', () => {
  it.each([
    [{ title: '' }, /^title must be a text of 1 to 100 characters, got ""/],
    [{ title: 7 }, /^title must be .* got 7/],
    [{ token: 'short' }, /^token must be a text of at least 16 characters, got string/],
    [{ token: 1_234_567_890_123_456 }, /^token must be/],
    [{ basePath: 'admin' }, /^basePath must be a path such as \/admin\/console, got "admin"/],
    [{ basePath: '/admin/' }, /^basePath must be/],
    [{ basePath: '/a;Path=/' }, /^basePath must be/],
    [{ health: undefined }, /^health must have a function report, got undefined/],
    [{ health: null }, /^health must have a function report, got null/],
    [{ health: { report() {} } }, /^health must have a function isReady/],
    [{ errors: {} }, /^errors must have a function snapshot/],
    [{ sagas: { list() {} } }, /^sagas must have a function get/],
    [{ outbox: 3 }, /^outbox must have a function backlog, got 3/],
    [{ audit: {} }, /^audit must have a function record/],
    [{ breakers: [] }, /^breakers must be a function, got object/],
    [{ http: {} }, /^http must be a function/],
    [{ mask: 'all' }, /^mask must be a function, got "all"/],
    [{ now: 5 }, /^now must be a function, got 5/],
    [{ refreshMs: 0 }, /^refreshMs must be a whole number from 100 to 60000, got 0/],
    [{ refreshMs: '1000' }, /^refreshMs must be .* got "1000"/],
    [{ sampleMs: NaN }, /^sampleMs must be .* got NaN/],
    [{ heartbeatMs: 1.5 }, /^heartbeatMs must be .* got 1.5/],
    [{ panelTimeoutMs: Infinity }, /^panelTimeoutMs must be/],
    [{ stalledMs: -1 }, /^stalledMs must be/],
    [{ maxStreams: 0 }, /^maxStreams must be a whole number from 1 to 1000, got 0/],
    [{ sessionMs: 1 }, /^sessionMs must be/],
    [{ maxLoginFailures: 0.5 }, /^maxLoginFailures must be/],
    [{ loginWindowMs: 1e9 }, /^loginWindowMs must be/],
  ])('refuses %j', (wrong, message) => {
    const options = { title: 'shop', token, health, ...wrong } as unknown as ConsoleOptions;
    expect(() => createConsole(options)).toThrow(message);
  });

  it.each([undefined, null, 'options', 7])('refuses %j instead of options', (wrong) => {
    expect(() => createConsole(wrong as never)).toThrow(/^options must be an object/);
  });

  it('leaves no token in the message about a wrong one', () => {
    expect(() => createConsole({ title: 'shop', token: 'secret', health })).toThrow(/^(?!.*secret)/);
  });

  it('does not change its options', () => {
    const options = Object.freeze({ title: 'shop', token, health });
    const console = createConsole(options);
    console.close();
    console.close();
    expect(options).toEqual({ title: 'shop', token, health });
  });
});
