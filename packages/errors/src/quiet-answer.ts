import { raisedChannel } from './channels.js';
import { commonErrors } from './common-errors.js';
import { constantProblem } from './problem.js';
import { type ErrorContext, type ErrorHandlingOptions, problemHeaders } from './respond.js';
import type { Answer } from './send.js';
import { codeOfBareError } from './to-app-error.js';

/**
 * The answer to a plain error that nobody but the caller hears of: rendered from the definition of its code alone. The error of
 * our own, which a log or a monitor would look at, costs more than all the rest. Undefined when somebody looks, or when the
 * error has to be looked at.
 *
 * @internal
 */
export function createQuietAnswer(
  options: ErrorHandlingOptions = {},
): (thrown: unknown, context: ErrorContext) => Answer | undefined {
  const { typeBaseUrl, exposeStack, mappers, monitor, onError, logger } = options;
  if (mappers?.length || monitor || onError || exposeStack) return () => undefined;
  const bodies = {
    SYS_INTERNAL_ERROR: constantProblem('SYS_INTERNAL_ERROR', typeBaseUrl),
    SYS_UNAVAILABLE: constantProblem('SYS_UNAVAILABLE', typeBaseUrl),
  };
  return (thrown, context) => {
    if ((logger ?? context.logger) !== false || raisedChannel.hasSubscribers) return undefined;
    const code = codeOfBareError(thrown);
    if (code === undefined) return undefined;
    return {
      status: commonErrors[code].definition.status,
      headers: problemHeaders,
      body: bodies[code](context),
    };
  };
}
