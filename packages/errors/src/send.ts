import type { ServerResponse } from 'node:http';

/** A response ready to be written. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Fastify's reply, as far as it is used here. */
export interface ReplyLike {
  readonly raw: ServerResponse;
  readonly sent: boolean;
  code(status: number): unknown;
  headers(headers: Record<string, string>): unknown;
  hasHeader(name: string): boolean;
  removeHeader(name: string): unknown;
  serializer(serialize: (payload: string) => string): unknown;
  send(payload: unknown): unknown;
}

/**
 * Writes an answer to a `node:http` response or a Fastify reply. One that has begun is cut off, since the caller could not
 * tell it from a whole one; one whose client is gone is left alone.
 */
export function sendAnswer(response: ServerResponse | ReplyLike, answer: Answer): void {
  const raw = 'raw' in response ? response.raw : response;
  if (raw.headersSent || raw.writableEnded) {
    if (!raw.writableEnded) raw.destroy();
    return;
  }
  if (raw.destroyed || raw.socket?.destroyed === true) return;
  if ('raw' in response) sendReply(response, answer);
  else sendRaw(response, answer);
}

// They describe the representation that the handler was about to send, not the problem.
const staleHeaders = [
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
];

function sendReply(reply: ReplyLike, { status, headers, body }: Answer): void {
  if (reply.sent) return;
  for (const name of staleHeaders) if (reply.hasHeader(name)) reply.removeHeader(name);
  reply.code(status);
  reply.headers(headers);
  // Without a serializer Fastify adds "; charset=utf-8", which application/problem+json does not define.
  reply.serializer(asItIs);
  reply.send(body);
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
