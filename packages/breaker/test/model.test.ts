import fc from 'fast-check';
import { createClock } from 'kit-tooling/clock';
import { describe, expect, it } from 'vitest';
import { type Breaker, type StateChange, createBreaker } from '../src/index.js';

const OPTIONS = { minimumCalls: 3, failureRatio: 0.5, windowMs: 60_000, openMs: 7_000, halfOpenMaxCalls: 2 };
const MAX_WAIT_MS = 9_000;

type Settle = 'ok' | 'fail' | 'ignore' | 'abort';
type Command =
  | { do: 'start' | 'isolate' | 'reset' }
  | { do: 'settle'; index: number; how: Settle }
  | { do: 'advance'; ms: number };

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 8, arbitrary: fc.constant({ do: 'start' } as const) },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      index: fc.nat(20),
      how: fc.constantFrom<Settle>('ok', 'ok', 'ok', 'fail', 'fail', 'ignore', 'abort'),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('advance' as const),
      ms: fc.integer({ min: 1, max: 12 }).map((n) => n * 1_000),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'isolate' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'reset' } as const) },
);

interface Call {
  at: number;
  era: number;
  outcome?: Settle;
}

/** The reference: keeps every call of the era and derives everything from that list, by the words of the design page. */
class Reference {
  era = 0;
  state: 'closed' | 'open' | 'half-open' = 'closed';
  isolated = false;
  openedAt = 0;
  stale = 0;
  calls: Call[] = [];
  constructor(private readonly now: () => number) {}

  private enter(state: Reference['state']) {
    this.state = state;
    this.era += 1;
    this.calls = [];
    this.openedAt = this.now();
  }

  tick() {
    if (this.state === 'open' && !this.isolated && this.now() - this.openedAt >= OPTIONS.openMs)
      this.enter('half-open');
  }

  private trials() {
    return this.calls.filter((call) =>
      call.outcome === undefined ? this.now() - call.at < MAX_WAIT_MS : call.outcome === 'ok',
    );
  }

  start(): Call | undefined {
    this.tick();
    if (this.state === 'open') return undefined;
    if (this.state === 'half-open' && this.trials().length >= OPTIONS.halfOpenMaxCalls) return undefined;
    const call = { at: this.now(), era: this.era };
    this.calls.push(call);
    return call;
  }

  settle(call: Call, how: Settle) {
    const freed = this.state === 'half-open' && this.now() - call.at >= MAX_WAIT_MS;
    if (call.era !== this.era || freed) {
      this.stale += 1;
      return;
    }
    // A call that outlasts the window is counted where it ends.
    if (this.now() - call.at >= OPTIONS.windowMs) call.at = this.now();
    call.outcome = how;
    if (how === 'ignore' || how === 'abort') return;
    if (this.state === 'half-open') {
      if (how === 'fail') this.enter('open');
      else if (this.calls.filter((c) => c.outcome === 'ok').length === OPTIONS.halfOpenMaxCalls)
        this.enter('closed');
      return;
    }
    const { requests, ignored, failures } = this.counts();
    if (requests - ignored >= OPTIONS.minimumCalls && failures / (requests - ignored) >= OPTIONS.failureRatio)
      this.enter('open');
  }

  counts() {
    const within = this.calls.filter((call) => this.now() - call.at < OPTIONS.windowMs);
    const having = (...outcomes: Settle[]) =>
      within.filter((c) => c.outcome && outcomes.includes(c.outcome)).length;
    return {
      requests: within.length,
      successes: having('ok'),
      failures: having('fail'),
      ignored: having('ignore', 'abort'),
      slow: 0,
    };
  }
}

interface Running {
  call: Call;
  settle(how: Settle): Promise<unknown>;
}

function start(breaker: Breaker): { run: Promise<unknown>; settle: Running['settle'] } {
  const caller = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers();
  const run = breaker.run({ signal: caller.signal }, () => promise).catch((error: unknown) => error);
  return {
    run,
    settle: (how) => {
      if (how === 'abort') caller.abort();
      if (how === 'ok') resolve('ok');
      else reject(how);
      return run;
    },
  };
}

/** Mutation tests run the model a thousand times over, and want no smallest example. */
const runs = Number(process.env.KIT_MODEL_RUNS ?? 400);

describe('createBreaker, against a reference machine', () => {
  it('does what the page says, whatever happens in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 80 }), async (commands) => {
        const clock = createClock();
        const changes: StateChange[] = [];
        const breaker = createBreaker({
          name: 'model',
          ...OPTIONS,
          halfOpenMaxWaitMs: MAX_WAIT_MS,
          now: clock.now,
          classify: (o) =>
            o.status === 'fulfilled' ? 'success' : o.reason === 'ignore' ? 'ignore' : 'failure',
          onStateChange: (change) => changes.push(change),
        });
        const reference = new Reference(clock.now);
        const running: Running[] = [];
        const refusals: unknown[] = [];
        const staleEffects: [after: object, before: object][] = [];

        for (const step of commands) {
          if (step.do === 'advance') clock.advance(step.ms);
          if (step.do === 'isolate') {
            breaker.isolate();
            reference.isolated = true;
            reference.state = 'open';
            reference.era += 1;
            reference.calls = [];
          }
          if (step.do === 'reset') {
            breaker.reset();
            reference.isolated = false;
            reference.state = 'closed';
            reference.era += 1;
            reference.calls = [];
          }
          if (step.do === 'start') {
            const expected = reference.start();
            const { run, settle } = start(breaker);
            if (expected === undefined) refusals.push(await run);
            else running.push({ call: expected, settle });
          }
          if (step.do === 'settle' && running.length > 0) {
            const [{ call, settle }] = running.splice(step.index % running.length, 1) as [Running];
            const before = { ...breaker.toJSON(), stale: 0 };
            const wasStale = reference.stale;
            await settle(step.how);
            reference.settle(call, step.how);
            // A stale result changes nothing but its own count.
            const after = { ...breaker.toJSON(), stale: 0 };
            if (reference.stale > wasStale) staleEffects.push([after, before]);
          }
          reference.tick();
          expect(breaker.state).toBe(reference.state);
          expect(breaker.counts).toEqual(reference.counts());
          expect(breaker.stale).toBe(reference.stale);
        }
        for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'KIT_BREAKER_OPEN' });
        for (const [after, before] of staleEffects) expect(after).toEqual(before);
        // No permit dangles: once every trial is overdue, a new one gets through.
        for (const { settle } of running) void settle('ignore');
        breaker.reset();
        expect(await breaker.run(() => 'through')).toBe('through');
        // The chain of states has no gap.
        let at = 'closed';
        for (const { from, to } of changes) {
          expect(from).toBe(at);
          expect(to).not.toBe(from);
          at = to;
        }
      }),
      { numRuns: runs, endOnFailure: runs < 400 },
    );
  });
});
