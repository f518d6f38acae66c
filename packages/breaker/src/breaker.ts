import type { IDefaultPolicyContext } from 'cockatiel';
import { type BreakerConfig, type BreakerOptions, checkBreakerOptions } from './breaker-options.js';
import {
  type BreakerCounts,
  type BreakerState,
  type StateChangeReason,
  rejectedChannel,
  staleChannel,
} from './channels.js';
import type { Breaker, BreakerEvidence, BreakerSnapshot } from './breaker-types.js';
import { type Clock, toMonotonic } from './clock.js';
import { BreakerOpenError, type RejectionReason, withoutStack } from './errors.js';
import { type CallResult, isObserved, reportCall } from './call-report.js';
import { OpenPeriod } from './open-period.js';
import { type Verdict, judge } from './outcome.js';
import { PolicyEvents } from './policy-events.js';
import {
  type Guarded,
  PlainContext,
  type RunContext,
  type RunOptions,
  neverAborts,
  runArguments,
} from './run-context.js';
import { Ramp } from './ramp.js';
import { Trials } from './trials.js';
import { reportState } from './state-report.js';
import { NO_EVIDENCE, evidenceOf, mayTrip, tripReason } from './trip-rule.js';
import { Field, SlidingWindow } from './window.js';

/**
 * Creates a circuit breaker; its semantics are gobreaker v2's.
 *
 * @throws RangeError or TypeError that names the wrong option.
 * @example
 * ```ts
 * import { createBreaker } from '@kit/breaker';
 *
 * const breaker = createBreaker({ name: 'order-service', openMs: 10_000 });
 * const response = await breaker.run(({ signal }) => fetch('http://localhost:3101/orders', { signal }));
 * ```
 */
export function createBreaker(options: BreakerOptions): Breaker {
  return new StateMachine(checkBreakerOptions(options));
}

/** A call that was let through. */
interface Admitted {
  readonly generation: number;
  readonly state: BreakerState;
  readonly startedAt: number;
  readonly slot: number;
}

class StateMachine implements Breaker {
  declare readonly _altReturn: never;
  private readonly window: SlidingWindow;
  private readonly clock: Clock;
  private events: PolicyEvents | undefined;
  private current: BreakerState = 'closed';
  /** Grows with every change of state; a result of an older generation is stale. */
  private generation = 0;
  private held = false;
  private lastFailure: unknown;
  private openedOn: BreakerEvidence = NO_EVIDENCE;
  private readonly trials: Trials<Admitted>;
  private readonly ramp: Ramp;
  private readonly openPeriod: OpenPeriod;
  private readonly judgesByRejection: boolean;
  stale = 0;

  constructor(private readonly config: BreakerConfig) {
    this.clock = toMonotonic(config.now);
    this.judgesByRejection = config.classify === undefined && config.slowCallMs === undefined;
    this.window = new SlidingWindow(config.windowMs);
    this.trials = new Trials(config.halfOpenMaxCalls, config.halfOpenMaxWaitMs);
    this.ramp = new Ramp(config.rampMs);
    this.openPeriod = new OpenPeriod(config.openMs);
    reportState(config, { from: null, to: 'closed', reason: 'created', counts: this.window.counts() });
  }

  get name(): string {
    return this.config.name;
  }

  get state(): BreakerState {
    if (this.current === 'open') this.refresh(this.clock());
    return this.current;
  }

  get isolated(): boolean {
    return this.held;
  }

  get counts(): BreakerCounts {
    this.window.expire(this.clock());
    return this.window.counts();
  }

  get evidence(): BreakerEvidence {
    if (this.state !== 'closed') return this.openedOn;
    this.window.expire(this.clock());
    return evidenceOf(this.config, this.window);
  }

  get retryAfterMs(): number {
    return this.state === 'open' ? this.waitMs('open', this.clock()) : 0;
  }

  get onSuccess() {
    return (this.events ??= new PolicyEvents()).onSuccess;
  }

  get onFailure() {
    return (this.events ??= new PolicyEvents()).onFailure;
  }

  run<T>(first: RunOptions | Guarded<T>, second?: Guarded<T>): Promise<T> {
    if (typeof first === 'function' && second === undefined)
      return this.guard(first, new PlainContext(undefined), undefined);
    try {
      const [options, fn] = runArguments<RunOptions, Guarded<T>>(first, second);
      return this.guard(fn, new PlainContext(options?.signal), options?.signal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  execute<T>(fn: (context: IDefaultPolicyContext) => PromiseLike<T> | T, signal?: AbortSignal): Promise<T> {
    return this.guard(fn, { signal: signal ?? neverAborts }, signal);
  }

  isolate(): void {
    this.held = true;
    this.openedOn = NO_EVIDENCE;
    this.moveTo('open', 'isolated');
  }

  reset(): void {
    this.held = false;
    this.ramp.stop();
    this.forgetFailures();
    this.moveTo('closed', 'reset');
  }

  trip(): void {
    if (this.current === 'closed') this.open('quorum', this.clock());
  }

  toJSON(): BreakerSnapshot {
    const { name, state, isolated, counts, stale, retryAfterMs } = this;
    return { name, state, isolated, counts, stale, retryAfterMs };
  }

  /** The call itself: admitted or rejected, then its outcome counted. */
  private async guard<T, C extends RunContext>(
    fn: (context: C) => PromiseLike<T> | T,
    context: C,
    caller: AbortSignal | undefined,
  ): Promise<T> {
    if (caller?.aborted) throw caller.reason;
    const call = this.admit();
    let value: T;
    try {
      value = await fn(context);
    } catch (reason) {
      this.rejected(call, reason, caller);
      throw reason;
    }
    this.fulfilled(call, value);
    return value;
  }

  private fulfilled(call: Admitted, value: unknown): void {
    const usual = this.judgesByRejection && call.generation === this.generation && call.state === 'closed';
    // What happens a thousand times a second: a success that nobody watches needs no clock.
    if (usual && !isObserved(this.events)) {
      const now = this.window.holds(call.slot) ? call.startedAt : this.clock();
      this.window.record(call.slot, Field.successes, now);
      if (mayTrip(this.config, this.window)) this.tripIfDue(this.clock());
      return;
    }
    const verdict = judge(this.config, { status: 'fulfilled', value });
    this.settle(call, verdict, { value });
  }

  private rejected(call: Admitted, reason: unknown, caller: AbortSignal | undefined): void {
    // Who hangs up says nothing about the partner.
    const verdict = caller?.aborted ? 'ignore' : judge(this.config, { status: 'rejected', reason });
    this.settle(call, verdict, { error: reason });
  }

  private admit(): Admitted {
    const now = this.clock();
    if (this.current !== 'closed') this.admitTrial(now);
    else if (!this.ramp.admits(now)) throw this.rejection('ramping', now);
    const { generation, current: state } = this;
    const call: Admitted = { generation, state, startedAt: now, slot: this.window.start(now) };
    if (state === 'half-open') this.trials.add(call);
    return call;
  }

  /** Passes while trials that run or have succeeded are fewer than `halfOpenMaxCalls`; nobody ever queues. */
  private admitTrial(now: number): void {
    this.refresh(now);
    if (this.held) throw this.rejection('isolated', now);
    if (this.current === 'open') throw this.rejection('open', now);
    if (this.trials.full(now)) throw this.rejection('half-open-full', now);
  }

  private settle(call: Admitted, verdict: Verdict, result: CallResult): void {
    const { slowCallMs } = this.config;
    const observed = isObserved(this.events);
    const now = this.clock();
    if (this.isStale(call, now)) return this.dropStale();
    const durationMs = now - call.startedAt;
    const slow = slowCallMs !== undefined && verdict !== 'ignore' && durationMs >= slowCallMs;
    this.window.record(call.slot, FIELD_OF[verdict], now);
    if (slow) this.window.record(call.slot, Field.slow, now);
    if (verdict === 'failure') this.lastFailure = 'error' in result ? result.error : undefined;
    if (call.state === 'half-open') this.settleTrial(call, verdict, slow, now);
    else if (verdict !== 'ignore' && mayTrip(this.config, this.window)) this.tripIfDue(now);
    if (observed)
      reportCall({ name: this.name, state: call.state, durationMs, verdict, result }, this.events);
  }

  private isStale(call: Admitted, now: number): boolean {
    if (call.generation !== this.generation) return true;
    return call.state === 'half-open' && !this.trials.holds(call, now);
  }

  private settleTrial(call: Admitted, verdict: Verdict, slow: boolean, now: number): void {
    const done = this.trials.finish(call, verdict === 'success' && !slow);
    if (verdict === 'failure' || slow) return this.open('trial-failed', now);
    if (!done) return;
    this.forgetFailures();
    this.ramp.start(now);
    this.moveTo('closed', 'trials-succeeded');
  }

  private tripIfDue(now: number): void {
    this.window.expire(now);
    const reason = tripReason(this.config, this.window);
    if (reason !== undefined) this.open(reason, now);
  }

  private open(reason: StateChangeReason, now: number): void {
    // A breaker that a quorum opened has no evidence of its own: it must not become part of the next quorum.
    this.openedOn = reason === 'quorum' ? NO_EVIDENCE : evidenceOf(this.config, this.window);
    this.openPeriod.start(now, this.lastFailure);
    this.moveTo('open', reason);
  }

  private refresh(now: number): void {
    if (this.current !== 'open' || this.held || this.openPeriod.waitMs(now) > 0) return;
    this.moveTo('half-open', 'open-elapsed');
  }

  private moveTo(to: BreakerState, reason: StateChangeReason): void {
    const from = this.current;
    const counts = this.window.counts();
    this.current = to;
    this.generation += 1;
    this.window.clear();
    this.trials.clear();
    if (from !== to) reportState(this.config, { from, to, reason, counts });
  }

  /** The next opening starts its backoff anew. */
  private forgetFailures(): void {
    this.openPeriod.forget();
    this.lastFailure = undefined;
  }

  private rejection(reason: RejectionReason, now: number): BreakerOpenError {
    const { name, captureStack } = this.config;
    if (rejectedChannel.hasSubscribers) rejectedChannel.publish(Object.freeze({ name, reason }));
    const waitMs = this.waitMs(reason, now);
    if (captureStack) return new BreakerOpenError(name, reason, waitMs, this.lastFailure);
    return withoutStack(() => new BreakerOpenError(name, reason, waitMs, this.lastFailure));
  }

  private waitMs(reason: RejectionReason, now: number): number {
    if (this.held) return this.openPeriod.usualMs;
    if (reason === 'half-open-full') return this.trials.waitMs(now);
    return reason === 'ramping' ? this.ramp.waitMs(now) : this.openPeriod.waitMs(now);
  }

  private dropStale(): void {
    this.stale += 1;
    if (staleChannel.hasSubscribers) staleChannel.publish(Object.freeze({ name: this.name }));
  }
}

const FIELD_OF = { success: Field.successes, failure: Field.failures, ignore: Field.ignored } as const;
