import { createAbort } from './abort.js';
import { outcomeOf, type Result, type Work } from './call.js';
import { publishSettled } from './channels.js';
import { currentContext, currentFrame, type Frame } from './context.js';
import type { Core } from './core.js';
import { DanglingQueryError } from './errors.js';
import type { RunOptions } from './options.js';
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
  const result = await outcomeOf(frame, abort, fn);
  abort.dispose();
  if (own !== undefined && own.inFlight.size > 0)
    await end(core, options, own, result, abort.reason !== undefined);
  if (own !== undefined) own.closed = true;
  if (result.ok) return result.value;
  throw result.error;
}

/** Nothing that was started inside runs on after the end. */
async function end<T>(
  core: Core,
  options: RunOptions,
  read: ReadScope,
  result: Result<T>,
  aborted: boolean,
): Promise<void> {
  if (!aborted && read.inFlight.size > 0 && (options.dangling ?? core.dangling) === 'await')
    while (read.inFlight.size > 0) await Promise.all(read.inFlight);
  const left = read.inFlight.size;
  read.closed = true;
  if (left === 0) return;
  await interruptReads(core, read);
  if (result.ok)
    throw new DanglingQueryError(
      `${left} statement(s) of a read of "${core.name}" were not awaited; await them inside the function given to tm.read`,
    );
}
