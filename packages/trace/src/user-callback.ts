/**
 * @internal What a callback of the application answers; undefined where it throws or answers with a promise, whose rejection
 * must not end the process either.
 */
export function answerOf<Req, T>(callback: (request: Req) => T, request: Req): T | undefined {
  try {
    const answer = callback(request);
    if (!isThenable(answer)) return answer;
    answer.then(undefined, () => {});
  } catch {
    // A callback of the application must not decide whether a response is sent.
  }
  return undefined;
}

// By shape: other realms have other promises.
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | undefined | null)?.then === 'function';
}
