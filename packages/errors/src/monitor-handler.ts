import type { ErrorMonitor } from './monitor.js';
import { show } from './read.js';
import { commonErrors } from './common-errors.js';
import { createErrorResponder } from './respond.js';
import type { Answer } from './send.js';

/** The options of `monitorHandler` in each adapter. */
export interface MonitorHandlerOptions<Request> {
  /** Says whether this request may see the errors. Only `true` lets it; a throw or a rejection refuses. */
  authorize: (request: Request) => boolean | Promise<boolean>;
}

/**
 * The answer of the admin route: the monitor's snapshot for whom `authorize` lets see it, else a problem with status 403.
 *
 * @throws TypeError without an `authorize` function: there is no open route for this
 * @internal
 */
export function createMonitorAnswers<Request>(
  monitor: Pick<ErrorMonitor, 'snapshot'>,
  options: MonitorHandlerOptions<Request>,
): (
  request: Request,
  context: { method?: string | undefined; path?: string | undefined },
) => Promise<Answer> {
  if (typeof monitor?.snapshot !== 'function') {
    throw new TypeError(`monitor must have a snapshot function, got ${show(monitor)}`);
  }
  const authorize: unknown = options?.authorize;
  if (typeof authorize !== 'function') {
    throw new TypeError(`authorize must be a function, got ${show(authorize)}`);
  }
  const refuse = createErrorResponder({ logger: false, monitor: { record: () => {} } });

  return async (request, context) => {
    if (!(await isAllowed(options.authorize, request))) return refuse(commonErrors.AUTH_FORBIDDEN(), context);
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: JSON.stringify(monitor.snapshot()),
    };
  };
}

async function isAllowed<Request>(
  authorize: MonitorHandlerOptions<Request>['authorize'],
  request: Request,
): Promise<boolean> {
  try {
    const allowed: unknown = await authorize(request);
    return allowed === true;
  } catch {
    return false;
  }
}
