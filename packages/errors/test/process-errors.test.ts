import { runChild } from 'kit-tooling/process';
import { describe, expect, it } from 'vitest';
import { captureProcessErrors, type RecordedError } from '../src/index.js';

const child = new URL('./children/unhandled.ts', import.meta.url);

async function outcomeOf(kind: string, mode: string, nodeArgs: string[] = []) {
  const running = runChild(child, { args: [kind, mode], nodeArgs, env: { NODE_OPTIONS: '' } });
  const { code } = await running.exited;
  const line = running.stdout.split('\n').find((text) => text.startsWith('['))!;
  return { code, stderr: running.stderr, last: JSON.parse(line) as RecordedError[] };
}

describe('captureProcessErrors', () => {
  it.each([
    ['rejection', 'unhandledRejection', 'nobody awaits'],
    ['exception', 'uncaughtException', 'nobody catches'],
  ])(
    'records an unhandled %s once, with its trace, and lets it end the process',
    async (kind, endpoint, message) => {
      const { code, last, stderr } = await outcomeOf(kind, 'bare');
      expect(code).toBe(1);
      expect(last).toMatchObject([{ message, endpoint, traceId: '80319c1a' }]);
      expect(stderr).toContain(message);
    },
  );

  it.each(['rejection', 'exception'])(
    'records an %s for which the service has a handler of its own, and lets it live',
    async (kind) => {
      const { code, last } = await outcomeOf(kind, 'handled');
      expect(code).toBe(0);
      expect(last).toMatchObject([{ traceId: '80319c1a' }]);
    },
  );

  it('lets a process live that node was told to keep alive', async () => {
    const { code, last } = await outcomeOf('rejection', 'bare', ['--unhandled-rejections=warn']);
    expect(code).toBe(0);
    expect(last).toHaveLength(1);
  });

  it('records nothing once it was stopped', async () => {
    const { code, last } = await outcomeOf('rejection', 'stopped');
    expect(code).toBe(1);
    expect(last).toEqual([]);
  });

  it('leaves no listener behind', () => {
    const count = () =>
      process.listenerCount('unhandledRejection') + process.listenerCount('uncaughtExceptionMonitor');
    const before = count();
    const stop = captureProcessErrors({ record: () => {} });
    expect(count()).toBe(before + 2);
    stop();
    stop();
    expect(count()).toBe(before);
  });

  it.each([undefined, null, {}, 5])('refuses %s as a monitor', (monitor) => {
    expect(() => captureProcessErrors(monitor as never)).toThrow(/monitor must have a record function/);
  });
});
