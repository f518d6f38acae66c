import type { IncomingMessage, ServerResponse } from 'node:http';
import { loadAssets, loadTemplate } from './assets.ts';
import { readFields } from './body.ts';
import {
  cookieOf,
  type Exchange,
  redirect,
  Refusal,
  type RequestFacts,
  requireSameOrigin,
  send,
  sendJson,
} from './exchange.ts';
import { createLoginLimit } from './login-limit.ts';
import { type ConsoleOptions, readOptions } from './options.ts';
import { resolveSaga } from './resolve-saga.ts';
import { createSessions, isSame, type Session } from './sessions.ts';
import { createWatch } from './watch.ts';

/** The console of one service, for any server on `node:http`. */
export interface Console {
  readonly basePath: string;
  /** Pages that are open now. */
  readonly streams: number;
  /** Whether a path, with or without a query, is the console's. */
  owns(url: string | undefined): boolean;
  /** Answers a request that it owns; never rejects. */
  handle(req: IncomingMessage, res: ServerResponse, facts?: RequestFacts): Promise<void>;
  /** Ends streams, timers and listeners. */
  close(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

const cookieName = 'kit_console';

/**
 * Makes the live page of a service: its checks, breakers, traffic, errors, sagas and outbox, behind the admin token.
 *
 * @throws TypeError or RangeError for a wrong option
 * @example
 * const watched = createConsole({ title: 'shop', token: process.env.ADMIN_TOKEN, health });
 * createServer((req, res) => {
 *   if (watched.owns(req.url)) void watched.handle(req, res);
 *   else res.end('hello');
 * });
 */
export function createConsole(options: ConsoleOptions): Console {
  const settings = readOptions(options);
  const { basePath, title, token, ports, audit, now } = settings;
  const sessions = createSessions(token, settings.sessionMs, now);
  const limit = createLoginLimit(settings.maxLoginFailures, settings.loginWindowMs, now);
  const watch = createWatch(settings);
  const assets = loadAssets();
  const page = loadTemplate('console.html');
  const loginPage = loadTemplate('login.html');

  const report = (error: unknown) => {
    try {
      settings.onError(error, 'console');
    } catch {
      // A logger that fails must not keep an answer back.
    }
  };
  const record = (
    { req, ip, method, path }: Exchange,
    status: number,
    more: Readonly<Record<string, unknown>>,
  ) => {
    const userAgent = req.headers['user-agent'];
    try {
      audit?.record({ ip, userAgent, method, path: basePath + path, status, ...more });
    } catch (error) {
      report(error);
    }
  };
  const userOf = ({ id }: Session) => `console:${id.slice(0, 8)}`;

  const sendPage = (exchange: Exchange, status: number, html: string, headers = {}) =>
    send(exchange, status, { 'content-type': 'text/html; charset=utf-8', ...headers }, html);
  const sendLogin = (exchange: Exchange, status: number, message: string, headers = {}) =>
    sendPage(exchange, status, loginPage({ base: basePath, title, message }), headers);
  const setCookie = ({ secure }: Exchange, value: string, maxAgeMs: number) => ({
    'set-cookie': [
      `${cookieName}=${value}`,
      `Path=${basePath}`,
      `Max-Age=${Math.floor(maxAgeMs / 1_000)}`,
      'HttpOnly',
      'SameSite=Strict',
      ...(secure ? ['Secure'] : []),
    ].join('; '),
  });

  const sessionOf = ({ req }: Exchange) => sessions.read(cookieOf(req, cookieName));
  const requireSession = (exchange: Exchange): Session => {
    const session = sessionOf(exchange);
    if (!session) throw new Refusal(401, 'Log in first.');
    return session;
  };
  /** For what changes something: our own page knows the session's token, another site does not. */
  const requireCsrf = ({ req }: Exchange, session: Session, given: unknown) => {
    requireSameOrigin(req);
    if (typeof given !== 'string' || !isSame(given, session.csrf)) {
      throw new Refusal(403, 'This request does not come from the console.');
    }
  };

  function showPage(exchange: Exchange) {
    const session = sessionOf(exchange);
    if (!session) return redirect(exchange, `${basePath}/login`);
    sendPage(exchange, 200, page({ base: basePath, title, csrf: session.csrf }));
  }

  function showLogin(exchange: Exchange) {
    if (sessionOf(exchange)) return redirect(exchange, basePath);
    sendLogin(exchange, 200, token === undefined ? 'There is no admin token: nobody can log in.' : '');
  }

  async function logIn(exchange: Exchange) {
    requireSameOrigin(exchange.req);
    const waitMs = limit.waitMs(exchange.ip);
    if (waitMs > 0) {
      record(exchange, 429, { action: 'console.login' });
      const seconds = Math.ceil(waitMs / 1_000);
      return sendLogin(exchange, 429, `Too many attempts. Try again in ${seconds} s.`, {
        'retry-after': String(seconds),
      });
    }
    const { token: given } = await readFields(exchange, 'form');
    if (typeof given !== 'string' || !sessions.accepts(given.trim())) {
      limit.failed(exchange.ip);
      record(exchange, 401, { action: 'console.login' });
      return sendLogin(exchange, 401, 'That is not the admin token.');
    }
    const { session, cookie } = sessions.issue();
    record(exchange, 303, { action: 'console.login', userId: userOf(session) });
    redirect(exchange, basePath, setCookie(exchange, cookie, settings.sessionMs));
  }

  async function logOut(exchange: Exchange) {
    const session = sessionOf(exchange);
    if (session) {
      requireSameOrigin(exchange.req);
      const { csrf } = await readFields(exchange, 'form');
      requireCsrf(exchange, session, csrf);
      sessions.revoke(session);
      watch.endSession(session.id);
      record(exchange, 303, { action: 'console.logout', userId: userOf(session) });
    }
    redirect(exchange, `${basePath}/login`, setCookie(exchange, '', 0));
  }

  function stream(exchange: Exchange) {
    const session = requireSession(exchange);
    if (exchange.method === 'HEAD') return send(exchange, 200, { 'content-type': 'text/event-stream' });
    watch.open(exchange, session);
    record(exchange, 200, { action: 'console.watch', userId: userOf(session) });
  }

  async function resolve(exchange: Exchange, sagaId: string) {
    const session = requireSession(exchange);
    requireCsrf(exchange, session, exchange.req.headers['x-csrf-token']);
    if (!ports.sagas) throw new Refusal(404, 'This service has no sagas.');
    const entry = { action: 'saga.resolve', sagaId, userId: userOf(session) };
    try {
      const decided = await resolveSaga(exchange, ports.sagas, sagaId);
      record(exchange, 204, { ...entry, ...decided });
      send(exchange, 204);
    } catch (error) {
      record(exchange, error instanceof Refusal ? error.status : 500, entry);
      throw error;
    } finally {
      watch.renew('sagas');
    }
  }

  function sendAsset(exchange: Exchange, name: string) {
    const asset = assets.get(name);
    if (!asset) throw new Refusal(404, 'There is no such page.');
    const headers = { 'content-type': asset.type, etag: asset.etag, 'cache-control': 'no-cache' };
    if (exchange.req.headers['if-none-match'] === asset.etag) return send(exchange, 304, headers);
    send(exchange, 200, headers, asset.body);
  }

  type Handler = (exchange: Exchange) => Promise<void> | void;
  const routes: Readonly<Record<string, Readonly<Record<string, Handler>>>> = {
    '': { GET: showPage },
    '/login': { GET: showLogin, POST: logIn },
    '/logout': { POST: logOut },
    '/events': { GET: stream },
  };

  function handlersOf(path: string): Readonly<Record<string, Handler>> {
    if (Object.hasOwn(routes, path)) return routes[path]!;
    const [, asset] = /^\/assets\/([\w-]+\.\w+)$/.exec(path) ?? [];
    if (asset !== undefined) return { GET: (exchange) => sendAsset(exchange, asset) };
    const [, saga] = /^\/sagas\/([^/]{1,200})\/resolve$/.exec(path) ?? [];
    if (saga !== undefined) return { POST: (exchange) => resolve(exchange, decoded(saga)) };
    throw new Refusal(404, 'There is no such page.');
  }

  async function answer(exchange: Exchange): Promise<void> {
    const handlers = handlersOf(exchange.path);
    const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
    if (!Object.hasOwn(handlers, method)) {
      const allow = Object.keys(handlers).flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name]));
      throw new Refusal(405, `Only ${allow.join(', ')} is understood here.`, { allow: allow.join(', ') });
    }
    await handlers[method]!(exchange);
  }

  const console: Console = {
    basePath,
    get streams() {
      return watch.streams;
    },
    owns: (url) =>
      url !== undefined && url.startsWith(basePath) && /^(?:[/?#]|$)/.test(url.slice(basePath.length)),
    async handle(req, res, facts = {}) {
      const exchange = exchangeOf(req, res, facts, basePath);
      try {
        await answer(exchange);
      } catch (error) {
        refuse(exchange, error);
      }
    },
    close: () => watch.close(),
    [Symbol.asyncDispose]: async () => watch.close(),
  };
  return console;

  function refuse(exchange: Exchange, error: unknown) {
    if (error instanceof Refusal) {
      return sendJson(exchange, error.status, { error: error.message }, error.headers);
    }
    report(error);
    // What went wrong stands in the log; even an operator's browser gets no internals it did not ask for.
    sendJson(exchange, 500, { error: 'That did not work. The log of the service says why.' });
  }
}

function exchangeOf(
  req: IncomingMessage,
  res: ServerResponse,
  { ip, secure, url, body }: RequestFacts,
  basePath: string,
): Exchange {
  const path = (url ?? req.url ?? '').split(/[?#]/, 1)[0]!.slice(basePath.length);
  return {
    req,
    res,
    method: req.method ?? 'GET',
    path: path === '/' ? '' : path,
    ip: ip ?? req.socket.remoteAddress ?? '',
    secure: secure ?? 'encrypted' in req.socket,
    body,
  };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new Refusal(400, 'The path is malformed.');
  }
}
