import { type BreakerState, callChannel } from './channels.js';
import { type Verdict, isTimeoutLike } from './outcome.js';
import type { PolicyEvents } from './policy-events.js';

/** What a call came to. */
export type CallResult = { value: unknown } | { error: unknown };

export interface SettledCall {
  readonly name: string;
  readonly state: BreakerState;
  readonly durationMs: number;
  readonly verdict: Verdict;
  readonly result: CallResult;
}

/** Whether anybody listens; if not, a call is not even timed. */
export function isObserved(events: PolicyEvents | undefined): boolean {
  return callChannel.hasSubscribers || events?.heard === true;
}

/** Tells the channel and cockatiel's listeners how a call ended. */
export function reportCall(call: SettledCall, events: PolicyEvents | undefined): void {
  const { name, state, durationMs, verdict, result } = call;
  if (callChannel.hasSubscribers)
    callChannel.publish(Object.freeze({ name, state, outcome: outcomeOf(verdict, result), durationMs }));
  if (events === undefined) return;
  if (verdict === 'failure') events.failed(durationMs, result);
  else if ('value' in result) events.succeeded(durationMs);
  else events.failed(durationMs, result, false);
}

function outcomeOf(verdict: Verdict, result: CallResult) {
  if (verdict === 'ignore') return 'ignored';
  return verdict === 'failure' && 'error' in result && isTimeoutLike(result.error) ? 'timeout' : verdict;
}
