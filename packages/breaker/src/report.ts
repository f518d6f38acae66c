const reported = new WeakMap<object, Set<string>>();

/** Tells of a user's callback that threw, once for each owner and callback, and never throws itself. */
export function reportThrow(owner: object, callback: string, error: unknown): void {
  const seen = reported.get(owner) ?? new Set();
  if (seen.has(callback)) return;
  reported.set(owner, seen.add(callback));
  const detail = error instanceof Error ? error.message : typeof error;
  process.emitWarning(`${callback} threw (${detail}); the call went on without it`, {
    type: 'KitBreakerWarning',
    code: 'KIT_BREAKER_CALLBACK',
  });
}

/** Calls a user's function for its effect; a throw or a rejection is reported, never passed on. */
export function callQuietly(owner: object, callback: string, call: () => unknown): void {
  try {
    const result = call();
    if (isPromiseLike(result)) result.then(undefined, (error) => reportThrow(owner, callback, error));
  } catch (error) {
    reportThrow(owner, callback, error);
  }
}

export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
