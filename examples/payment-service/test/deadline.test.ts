import { getRemainingMs } from '@kit/breaker';
import { describe, expect, it } from 'vitest';
import { createRequestDeadline } from '../src/infrastructure/deadline.ts';

const remaining = async () => getRemainingMs();

describe('the deadline of a request', () => {
  const deadline = createRequestDeadline(60_000);

  it('holds for calls to partners made through it', async () => {
    const left = await deadline.over(() => deadline.within(remaining))();
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(60_000);
  });

  it('does not hold for the rest of the use case: what happened must still be found out and undone', async () => {
    expect(await deadline.over(remaining)()).toBeUndefined();
  });

  it('does not exist where nobody waits', async () => {
    expect(await deadline.within(remaining)).toBeUndefined();
  });

  it('ends with the request, also for what the request has left behind', async () => {
    const leave = async () => {
      const answered = Promise.withResolvers<void>();
      return { answered, later: answered.promise.then(() => deadline.within(remaining)) };
    };
    const { answered, later } = await deadline.over(leave)();
    answered.resolve();
    expect(await later).toBeUndefined();
  });

  it('is over when it is over, not earlier for one caller because of another', async () => {
    const none = createRequestDeadline(0);
    expect(await none.over(() => none.within(remaining))()).toBe(0);
    expect(await deadline.over(() => deadline.within(remaining))()).toBeGreaterThan(0);
  });
});
