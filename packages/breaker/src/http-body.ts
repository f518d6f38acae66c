import { monotonic } from './clock.js';
import { ResponseTooLargeError, TimeoutError } from './errors.js';

const NULL_BODY_STATUS = new Set([204, 205, 304]);
const BUFFERED_BYTES = 1_048_576;

/** How a body is read. @internal */
export interface BodyRules {
  /** For messages. */
  label: string;
  /** Name of the client, for the timeout error. */
  subject: string;
  maxResponseBytes: number | undefined;
  /** Time left for the body, in ms; counts only while somebody waits for it. */
  timeoutMs: number | undefined;
  stream: boolean;
}

/**
 * Reads the body within the attempt, so that a stall or a reset in it is retried and counted like any other failure.
 * What is larger than 1 MiB, or streamed, is handed over as a stream whose reading time is bounded; a body that nobody
 * reads is left alone.
 *
 * @internal
 */
export async function takeBody(response: Response, rules: BodyRules): Promise<Response> {
  const { body } = response;
  if (!body || typeof body.getReader !== 'function' || NULL_BODY_STATUS.has(response.status)) return response;
  const max = rules.maxResponseBytes ?? Number.POSITIVE_INFINITY;
  if (Number(response.headers.get('content-length') ?? 0) > max) {
    await body.cancel().catch(() => {});
    throw new ResponseTooLargeError(rules.label, max);
  }
  const startedAt = monotonic();
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const endless = response.headers.get('content-type')?.startsWith('text/event-stream') === true;
  const bufferedBytes = rules.stream || endless ? 0 : BUFFERED_BYTES;
  while (bytes < bufferedBytes) {
    const { done, value } = await reader.read();
    if (done) return rebuild(response, joined(chunks, bytes));
    chunks.push(value);
    bytes += value.byteLength;
    if (bytes > max) {
      await reader.cancel().catch(() => {});
      throw new ResponseTooLargeError(rules.label, max);
    }
  }
  const left = rules.timeoutMs === undefined ? undefined : rules.timeoutMs - (monotonic() - startedAt);
  return rebuild(response, rest(reader, chunks, { ...rules, timeoutMs: endless ? undefined : left }));
}

/** The body from here on; the time counts only while a read waits. */
function rest(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  first: Uint8Array[],
  { label, subject, maxResponseBytes, timeoutMs }: BodyRules,
): ReadableStream<Uint8Array> {
  let left = timeoutMs;
  let bytes = 0;
  const next = async () => {
    const given = first.shift();
    if (given !== undefined) return { done: false, value: given };
    if (left === undefined) return reader.read();
    const startedAt = monotonic();
    try {
      return await within(Math.max(0, left), () => new TimeoutError(subject, timeoutMs!), reader.read());
    } finally {
      left -= monotonic() - startedAt;
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await next();
          if (done) return controller.close();
          bytes += value.byteLength;
          if (maxResponseBytes !== undefined && bytes > maxResponseBytes)
            throw new ResponseTooLargeError(label, maxResponseBytes);
          controller.enqueue(value);
        } catch (error) {
          controller.error(error);
          reader.cancel(error).catch(() => {});
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    // Nothing is read before somebody asks.
    { highWaterMark: 0 },
  );
}

function within<T>(ms: number, error: () => Error, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(error()), Math.ceil(ms));
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

function rebuild(response: Response, body: NonNullable<RequestInit['body']>): Response {
  const { status, statusText, headers, url, redirected } = response;
  const rebuilt = new Response(body, { status, statusText, headers });
  // A response that is made by hand does not know where it came from.
  return Object.defineProperties(rebuilt, {
    url: { value: url },
    redirected: { value: redirected },
  });
}

function joined(chunks: Uint8Array[], bytes: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}
