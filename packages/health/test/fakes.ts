import { setTimeout as delay } from 'node:timers/promises';
import { createHealth, type Check, type CheckResult, type Health, type HealthOptions } from '../src/index.js';

/** A dependency whose answer a test sets, and that counts how often it was asked. */
export function fakeCheck(name: string, initial: CheckResult | Error = { status: 'healthy' }) {
  const fake = {
    answer: initial,
    calls: 0,
    check: {
      name,
      check: async (): Promise<CheckResult> => {
        fake.calls += 1;
        if (fake.answer instanceof Error) throw fake.answer;
        return fake.answer;
      },
    } satisfies Check,
  };
  return fake;
}

/** A dependency that hangs, whatever its signal says, until it is released. */
export function hangingCheck(name: string) {
  const fake = {
    calls: 0,
    running: 0,
    mostRunning: 0,
    isHanging: true,
    release: () => {},
    check: {
      name,
      check: async (): Promise<CheckResult> => {
        fake.calls += 1;
        fake.running += 1;
        fake.mostRunning = Math.max(fake.mostRunning, fake.running);
        if (fake.isHanging)
          await new Promise<void>((resolve) => {
            fake.release = resolve;
          });
        fake.running -= 1;
        return { status: 'healthy' };
      },
    } satisfies Check,
  };
  return fake;
}

export function healthWith(checks: Check[], options: HealthOptions = {}): Health {
  const health = createHealth(options);
  for (const check of checks) health.add(check);
  return health;
}

export const contextOf = (now: () => number = Date.now) => ({ signal: new AbortController().signal, now });

/** SIGSTOP takes a moment to stop the last thread of a server. */
export async function freeze(server: { freeze(): void }): Promise<void> {
  server.freeze();
  await delay(150);
}
