import type { Abort } from './abort.js';
import type { Result } from './result.js';
import type { Engine } from './engine.js';
import { TransactionTimeoutError } from './errors.js';
import type { RunOptions } from './options.js';
import { unexpectedRollback } from './statements.js';
import type { Scope } from './scope.js';

/** Whether a level's work may be committed, and what its caller gets. */
export interface Verdict<T> {
  readonly commit: boolean;
  readonly result: Result<T>;
}

export function judge<T>(scope: Scope, result: Result<T>, options: RunOptions, abort: Abort): Verdict<T> {
  const { level, physical } = scope;
  if (abort.reason !== undefined) return { commit: false, result: { ok: false, error: abort.reason.error } };
  const failed = !result.ok && !isSpared(options, result.error);
  if (failed || level.rollbackChosen) return { commit: false, result };
  const cause = result.ok ? undefined : result.error;
  if (physical.poison !== undefined)
    return { commit: false, result: { ok: false, error: physical.poison.error } };
  if (level.rollbackOnly !== undefined)
    return { commit: false, result: { ok: false, error: unexpectedRollback(physical, level, cause) } };
  return { commit: true, result };
}

/** Whether `noRollbackFor` names the error. */
export function isSpared(options: RunOptions, error: unknown): boolean {
  const spared = options.noRollbackFor;
  if (spared === undefined) return false;
  if (typeof spared === 'function') return answerOf(spared, error);
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown };
  return spared.some((known) => known === name || known === code);
}

/** A rule that throws itself spares nothing. */
function answerOf(rule: (error: unknown) => boolean, error: unknown): boolean {
  try {
    return rule(error);
  } catch {
    return false;
  }
}

/** With `timeoutMs` the server's own limit often fires first; the caller sees one error for both. */
export function asTimeout<T>(engine: Engine, options: RunOptions, result: Result<T>): Result<T> {
  if (result.ok || options.timeoutMs === undefined || !engine.isTimeout(result.error)) return result;
  return {
    ok: false,
    error: new TransactionTimeoutError(`A statement took longer than ${options.timeoutMs} ms`, {
      cause: result.error,
    }),
  };
}
