import { HttpStatusError } from './errors.js';
import type { PreparedRequest } from './http-request.js';
import { parseRetryAfter } from './retry-hints.js';

const EXCERPT_CHARACTERS = 2_048;
const EXCERPT_BYTES = 4 * EXCERPT_CHARACTERS;
const SECRET_HEADER =
  /^(?:authorization|proxy-authorization|cookie|idempotency-key)$|token|secret|api-?key|signature|password/i;
const SECRET_PAIR =
  /((?:password|passwd|secret|token|api[-_]?key|authorization|signature|credential)\w*["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&}"']+)/gi;
const SCHEME = /\b(Bearer|Basic)\s+[\w.~+/=-]+/gi;

/**
 * Turns a response outside 2xx into an error; reads only the start of its body, from a copy when the caller wants the
 * response itself.
 *
 * @internal
 */
export async function toStatusError(
  request: PreparedRequest,
  response: Response,
  keepBody: boolean,
): Promise<HttpStatusError> {
  const start = keepBody ? '' : await readStart(response);
  const bodyExcerpt = withoutSecrets(start, request.headers).slice(0, EXCERPT_CHARACTERS);
  const retryAfterMs = parseRetryAfter(response.headers.get('retry-after'));
  const kept = keepBody ? response : withText(response, start);
  return new HttpStatusError(request.label, kept, { bodyExcerpt, retryAfterMs });
}

async function readStart(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (reader === undefined) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    while (bytes < EXCERPT_BYTES) {
      const { done, value } = await reader.read();
      if (done) break;
      const piece = value.subarray(0, EXCERPT_BYTES - bytes);
      bytes += piece.byteLength;
      text += decoder.decode(piece, { stream: true });
    }
  } catch {
    // The status is what matters; its body broke off.
  }
  await reader.cancel().catch(() => {});
  return text;
}

/** Partners echo requests: what was secret in ours must not come back in a log. */
function withoutSecrets(text: string, headers: Headers): string {
  let clean = text;
  for (const [name, value] of headers)
    if (value.length >= 4 && SECRET_HEADER.test(name))
      clean = clean.replaceAll(value, '***').replaceAll(value.replace(/^\w+\s+/, ''), '***');
  return clean.replaceAll(SECRET_PAIR, '$1"***"').replaceAll(SCHEME, '$1 ***');
}

function withText(response: Response, text: string): Response {
  if (response.body === null) return response;
  const { status, statusText, headers, url } = response;
  return Object.defineProperty(new Response(text, { status, statusText, headers }), 'url', { value: url });
}
