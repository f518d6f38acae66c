import { setImmediate, setTimeout as delay } from 'node:timers/promises';
import type { Abort } from './abort.js';
import { DanglingQueryError } from './errors.js';
import type { Result } from './result.js';

/** The part of a Node stream that scopes look at. */
export interface OpenStream {
  readonly readableEnded: boolean;
  readonly destroyed: boolean;
  destroy(error?: Error): unknown;
}

/** What a scope has under way. */
export interface InFlight {
  readonly inFlight: Set<Promise<unknown>>;
  /** Streams of rows; who reads them decides when they end. */
  readonly streams: Set<OpenStream>;
}

/** Counts `work` until it has ended. */
export async function inFlightOf<T>({ inFlight }: Pick<InFlight, 'inFlight'>, work: Promise<T>): Promise<T> {
  inFlight.add(work);
  try {
    return await work;
  } finally {
    inFlight.delete(work);
  }
}

/** How long what is in flight may take to end by itself before it is cancelled. */
export const stopGraceMs = 250;

/** Who has read a stream to its end hears of that a moment before we do. */
export async function settleReadStreams({ inFlight, streams }: InFlight): Promise<void> {
  if (streams.size === 0) return;
  if (![...streams].every(({ readableEnded, destroyed }) => readableEnded || destroyed)) return;
  await Promise.race([Promise.allSettled(inFlight), delay(stopGraceMs, undefined, { ref: false })]);
}

/** For `dangling: 'await'`: what is in flight decides with the function whether it failed. */
export async function awaitInFlight<T>(
  { inFlight }: InFlight,
  result: Result<T>,
  abort: Abort,
): Promise<Result<T>> {
  try {
    while (inFlight.size > 0) {
      // What is awaited may start more: a connection its statement, for one.
      const ended = Promise.all(inFlight).then(() => setImmediate());
      await (abort.aborted === undefined ? ended : Promise.race([ended, abort.aborted]));
    }
    return result;
  } catch (error) {
    return { ok: false, error };
  }
}

/** A generator's body would run after the end of the scope that gave it. */
export function refuseGenerator<T>(result: Result<T>, scope: string): Result<T> {
  if (!result.ok || !/^\[object (Async)?Generator\]$/.test(Object.prototype.toString.call(result.value)))
    return result;
  return {
    ok: false,
    error: new DanglingQueryError(
      `The function of ${scope} returned a generator, whose body would run outside; consume it inside`,
    ),
  };
}
