import type { Breaker } from './breaker-types.js';
import { type BreakerRegistry, type BreakerRegistryOptions, createBreakerRegistry } from './registry.js';
import { checkFunction, checkObject, complaint } from './validate.js';

/** Options of the admin route. */
export interface BreakerAdminOptions<Request> {
  /** The breakers to show. */
  breakers: BreakerRegistry | readonly Breaker[];
  /** Where the list is. @default '/admin/breakers' */
  path?: string | undefined;
  /** Whether this request may see and change the breakers; without it nothing is mounted. */
  authorize: (request: Request) => boolean | Promise<boolean>;
}

/** Options of the Fastify plugin and the Nest module: a registry, or the options to make one. */
export interface BreakerHostOptions<Request> extends BreakerRegistryOptions {
  /** @default a registry made of the other options */
  breakers?: BreakerRegistry | undefined;
  path?: string | undefined;
  /** Opens the admin route to the requests it allows; without it there is no such route. */
  authorize?: ((request: Request) => boolean | Promise<boolean>) | undefined;
}

/** An HTTP answer, for whatever framework sends it. @internal */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

/** What the adapters mount: `GET listPath`, `POST actionPath` with the actions `isolate` and `reset`. @internal */
export interface BreakerAdmin<Request> {
  readonly listPath: string;
  readonly actionPath: string;
  /** `{ name, action }` from the URL, or nothing for the list. */
  answer(request: Request, target?: { name?: unknown; action?: unknown }): Promise<HttpAnswer>;
}

/** @internal */
export function createBreakerAdmin<Request>(options: BreakerAdminOptions<Request>): BreakerAdmin<Request> {
  const { breakers, authorize, path = '/admin/breakers' } = checkObject('options', options);
  if (typeof authorize !== 'function') throw new TypeError(complaint('authorize', 'a function', authorize));
  if (typeof breakers?.[Symbol.iterator] !== 'function')
    throw new TypeError(complaint('breakers', 'a registry or a list of breakers', breakers));
  if (typeof path !== 'string' || !path.startsWith('/'))
    throw new TypeError(complaint('path', 'a string that starts with /', path));

  const root = path.replace(/\/+$/, '');
  return {
    listPath: root || '/',
    actionPath: `${root}/:name/:action`,
    async answer(request, target) {
      if (!(await isAllowed(authorize, request))) return answerWith(403, { error: 'forbidden' });
      if (target === undefined)
        return answerWith(200, { breakers: Array.from(breakers, (breaker) => breaker.toJSON()) });
      const breaker = Array.from(breakers).find(({ name }) => name === target.name);
      if (breaker === undefined) return answerWith(404, { error: 'no such breaker' });
      if (target.action === 'isolate') breaker.isolate();
      else if (target.action === 'reset') breaker.reset();
      else return answerWith(404, { error: 'no such action' });
      return answerWith(200, breaker.toJSON());
    },
  };
}

/** The registry and, given `authorize`, the admin route of a plugin or module. @internal */
export function createBreakerHost<Request>(options: BreakerHostOptions<Request>): {
  breakers: BreakerRegistry;
  admin: BreakerAdmin<Request> | undefined;
} {
  const { breakers = createBreakerRegistry(options), authorize, path } = checkObject('options', options);
  if (typeof breakers?.get !== 'function')
    throw new TypeError(complaint('breakers', 'a registry such as createBreakerRegistry()', breakers));
  checkFunction('authorize', authorize);
  // A path without authorize is a mistake, not a wish for an open door.
  if (authorize === undefined && path !== undefined)
    throw new TypeError(complaint('authorize', 'a function when path is given', authorize));
  return {
    breakers,
    admin: authorize === undefined ? undefined : createBreakerAdmin({ breakers, authorize, path }),
  };
}

async function isAllowed<Request>(
  authorize: BreakerAdminOptions<Request>['authorize'],
  request: Request,
): Promise<boolean> {
  try {
    // Only a plain true opens the door: a forgotten await or return must not.
    return Object.is(await authorize(request), true);
  } catch {
    return false;
  }
}

function answerWith(status: number, body: object): HttpAnswer {
  return { status, headers: { 'cache-control': 'no-store' }, body };
}
