import type { ServerResponse } from 'node:http';

/**
 * A response ready to be written.
 *
 * @internal
 */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Fastify's reply, as far as it is used here.
 *
 * @internal
 */
export interface ReplyLike {
  readonly raw: ServerResponse;
  readonly sent: boolean;
  code(status: number): unknown;
  headers(headers: Readonly<Record<string, string>>): unknown;
  getHeaders(): Record<string, unknown>;
  removeHeader(name: string): unknown;
  serializer(serialize: (payload: string) => string): unknown;
  send: (payload: unknown) => unknown;
  hijack(): unknown;
}

/**
 * Writes an answer to a `node:http` response or a Fastify reply. One that has begun is cut off, since the caller could not
 * tell it from a whole one; one whose client is gone is left alone.
 *
 * @param onFailure what to answer instead when a hook of Fastify fails while the answer is on its way
 * @internal
 */
export function sendAnswer(
  response: ServerResponse | ReplyLike,
  answer: Answer,
  onFailure?: (failure: unknown) => Answer,
): void {
  const raw = 'raw' in response ? response.raw : response;
  if (raw.headersSent || raw.writableEnded) {
    if (!raw.writableEnded) raw.destroy();
    return;
  }
  if (raw.destroyed || raw.socket?.destroyed === true) return;
  if ('raw' in response) sendReply(response, answer, onFailure);
  else sendRaw(response, answer);
}

// They describe the representation that the handler was about to send, not the problem.
const staleHeaders: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-length',
  'content-location',
  'content-range',
  'etag',
  'expires',
  'last-modified',
  'trailer',
  'transfer-encoding',
]);

function sendReply(
  reply: ReplyLike,
  { status, headers, body }: Answer,
  onFailure: ((failure: unknown) => Answer) | undefined,
): void {
  if (reply.sent) return;
  for (const name in reply.getHeaders()) if (staleHeaders.has(name)) reply.removeHeader(name);
  reply.code(status);
  reply.headers(headers);
  // Without a serializer Fastify adds "; charset=utf-8", which application/problem+json does not define.
  reply.serializer(asItIs);
  if (onFailure) guardSend(reply, body, onFailure);
  reply.send(body);
}

/**
 * An `onSend` hook that throws while a problem is on its way brings Fastify's own handler on, which shows what was thrown.
 * It sends that by this same reply, so whatever is sent after the problem is answered here, without Fastify and hooks.
 */
function guardSend(reply: ReplyLike, body: string, onFailure: (failure: unknown) => Answer): void {
  const { send } = reply;
  reply.send = (payload) => {
    if (payload === body || reply.sent) return send.call(reply, payload);
    reply.hijack();
    sendAnswer(reply.raw, onFailure(payload));
    return reply;
  };
}

const asItIs = (body: string): string => body;

function sendRaw(response: ServerResponse, { status, headers, body }: Answer): void {
  for (const name of staleHeaders) response.removeHeader(name);
  response.statusCode = status;
  // A handler may have put an error's message into the status line. HTTP/2 has none.
  if (response.req.httpVersionMajor < 2) response.statusMessage = '';
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.setHeader('content-length', Buffer.byteLength(body));
  response.end(body);
}
