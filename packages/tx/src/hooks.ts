import { AfterCommitError } from './errors.js';
import { messageOf } from './error-message.js';
import type { Hook } from './scope.js';

/** Runs the hooks in order, each awaited; one that throws does not keep the others from running. */
export async function runHooks(
  hooks: readonly Hook[],
  event: Hook['event'],
): Promise<readonly { readonly error: unknown }[]> {
  const failures: { error: unknown }[] = [];
  for (const hook of hooks) {
    if (hook.event !== event && hook.due !== true) continue;
    try {
      await hook.fn();
    } catch (error) {
      failures.push({ error });
    }
  }
  return failures;
}

/** What a rolled-back savepoint leaves behind: no commit hook of it, and its rollback hooks are due. */
export function discardCommitHooks(hooks: readonly Hook[]): Hook[] {
  return hooks.filter((hook) => hook.event === 'rollback').map((hook) => ({ ...hook, due: true }));
}

export function afterCommitError(
  name: string,
  failures: readonly { readonly error: unknown }[],
  result: unknown,
): AfterCommitError {
  const cause = failures[0]?.error;
  return new AfterCommitError(
    `Transaction "${name}" is committed, but ${failures.length} afterCommit hook(s) failed: ${messageOf(cause)}; do not repeat the transaction`,
    { cause, result },
  );
}

/** A rollback hook's error must not hide why the transaction failed. */
export function warnOfRollbackHooks(name: string, failures: readonly { readonly error: unknown }[]): void {
  for (const { error } of failures)
    process.emitWarning(`An afterRollback hook of "${name}" failed: ${messageOf(error)}`, {
      code: 'KIT_TX_AFTER_ROLLBACK',
    });
}
