import { createAbort, type Abort } from './abort.js';
import { callInScope, type Work } from './call.js';
import { publishSettled, type TxSettledEvent } from './channels.js';
import { currentContext, sharedState, type Frame } from './context.js';
import type { Core } from './core.js';
import { discardCommitHooks } from './hooks.js';
import type { RunOptions } from './options.js';
import { endSavepoint, setSavepoint } from './physical.js';
import { unexpectedRollback } from './statements.js';
import {
  closedScopeError,
  createLevel,
  createScope,
  type Physical,
  type Scope,
  type TxLevel,
} from './scope.js';
import { isSpared, judge } from './verdict.js';

/** Joins the active transaction. An error that escapes marks its level rollback-only. */
export async function runJoined<T>(core: Core, parent: Scope, options: RunOptions, fn: Work<T>): Promise<T> {
  const readOnly = parent.readOnly || options.readOnly === true;
  const scope = createScope(parent.physical, parent.level, `${parent.label} (joined)`, {
    joined: true,
    readOnly,
  });
  return inside(parent, scope, async () => {
    const abort = innerAbort(core, options);
    try {
      const result = await callInScope(
        scope,
        frameOf(core, scope),
        abort,
        options.dangling ?? core.dangling,
        fn,
      );
      if (result.ok) return result.value;
      if (abort.reason !== undefined || !isSpared(options, result.error))
        scope.level.rollbackOnly ??= { cause: result.error };
      throw result.error;
    } finally {
      abort.dispose();
    }
  });
}

/** A savepoint: what happens inside is kept or undone on its own. */
export async function runNested<T>(
  core: Core,
  physical: Physical,
  parentLevel: TxLevel,
  parent: Scope | undefined,
  options: RunOptions,
  fn: Work<T>,
  mode: TxSettledEvent['mode'] = 'nested',
): Promise<T> {
  const started = performance.now();
  const label = nextLabel(core);
  const level = createLevel(parentLevel, label);
  const scope = createScope(physical, level, label, { readOnly: options.readOnly === true });
  return inside(parent, scope, async () => {
    await setSavepoint(scope);
    const abort = innerAbort(core, options);
    let committed = false;
    try {
      const called = await callInScope(
        scope,
        frameOf(core, scope),
        abort,
        options.dangling ?? core.dangling,
        fn,
      );
      const verdict = judge(scope, called, options, abort);
      let { result } = verdict;
      committed = await endSavepoint(scope, verdict.commit);
      if (verdict.commit && !committed)
        result = {
          ok: false,
          error: unexpectedRollback(physical, level, result.ok ? undefined : result.error),
        };
      if (result.ok) return result.value;
      throw result.error;
    } finally {
      abort.dispose();
      parentLevel.hooks.push(...(committed ? level.hooks : discardCommitHooks(level.hooks)));
      publishSettled(() => ({
        name: core.name,
        mode,
        outcome: committed ? 'committed' : 'rolled-back',
        durationMs: performance.now() - started,
        attempts: 1,
      }));
    }
  });
}

/** One count for all copies of the package: MySQL drops a savepoint when another takes its name. */
function nextLabel(core: Core): string {
  const savepoints = sharedState(core.client, 'savepoints', () => ({ count: 0 }));
  savepoints.count += 1;
  return `kit_sp${savepoints.count}`;
}

export function frameOf(core: Core, scope: Scope): Frame {
  return {
    client: core.client,
    parent: currentContext().frame,
    domain: core.domain,
    kind: 'tx',
    scope,
  };
}

/** The scope around waits for this one like for a statement, and closing it closes this one. */
async function inside<T>(parent: Scope | undefined, scope: Scope, run: () => Promise<T>): Promise<T> {
  if (parent === undefined) return run();
  if (parent.closed) throw closedScopeError(parent);
  const running = run();
  parent.inFlight.add(running);
  parent.children.add(scope);
  try {
    return await running;
  } finally {
    parent.inFlight.delete(running);
    parent.children.delete(scope);
  }
}

function innerAbort(core: Core, options: RunOptions): Abort {
  const { timeoutMs, signal } = options;
  return createAbort({ label: `A scope inside "${core.name}"`, timeoutMs, signal });
}
