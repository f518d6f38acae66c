import { createAbort, type Abort } from './abort.js';
import { outcomeOf, type Work } from './call.js';
import type { Result } from './result.js';
import { publishSettled } from './channels.js';
import { currentContext, currentFrame, type Frame } from './context.js';
import type { Core } from './core.js';
import { DanglingQueryError } from './errors.js';
import { awaitInFlight, refuseGenerator, settleReadStreams } from './in-flight.js';
import type { Dangling, RunOptions } from './options.js';
import { createReadScope, interruptReads } from './read-scope.js';
import type { ReadScope } from './scope.js';

/** Reads without BEGIN; a read inside a read is part of it. */
export async function runReadScope<T>(core: Core, options: RunOptions, fn: Work<T>): Promise<T> {
  const outer = currentFrame(core.client);
  if (outer?.kind === 'read' && !outer.read.closed && options.propagation !== 'REQUIRES_NEW')
    return runInside(core, outer, options, fn);
  const started = performance.now();
  const read = createReadScope();
  const frame: Frame = {
    client: core.client,
    parent: currentContext().frame,
    domain: core.domain,
    kind: 'read',
    read,
  };
  let ok = false;
  try {
    const value = await runInside(core, frame, options, fn, read);
    ok = true;
    return value;
  } finally {
    publishSettled(() => ({
      name: core.name,
      mode: 'read',
      outcome: ok ? 'committed' : 'rolled-back',
      durationMs: performance.now() - started,
      attempts: 1,
    }));
  }
}

async function runInside<T>(
  core: Core,
  frame: Frame,
  options: RunOptions,
  fn: Work<T>,
  own?: ReadScope,
): Promise<T> {
  const { timeoutMs, signal } = options;
  const abort = createAbort({ label: `A read of "${core.name}"`, timeoutMs, signal });
  try {
    const result = await outcomeOf(frame, abort, fn);
    const ended =
      own === undefined ? result : await end(core, own, result, abort, options.dangling ?? core.dangling);
    if (ended.ok) return ended.value;
    throw ended.error;
  } finally {
    abort.dispose();
  }
}

/** Nothing that was started inside runs on after the end. */
async function end<T>(
  core: Core,
  read: ReadScope,
  returned: Result<T>,
  abort: Abort,
  dangling: Dangling,
): Promise<Result<T>> {
  let result = returned;
  await settleReadStreams(read);
  if (read.inFlight.size > 0 && result.ok && dangling === 'await')
    result = await awaitInFlight(read, result, abort);
  const left = read.inFlight.size;
  read.closed = true;
  if (left === 0) return refuseGenerator(result, `a read of "${core.name}"`);
  await interruptReads(core, read);
  if (!result.ok) return result;
  return {
    ok: false,
    error: new DanglingQueryError(
      `${left} statement(s) or stream(s) of a read of "${core.name}" were not awaited; await them inside the function given to tm.read`,
    ),
  };
}
