import { read, readNumber, readString } from '../read.js';
import { type ErrorMapper, standIn } from './stand-in.js';

/** What fetch, undici and HTTP clients throw: 504 where time ran out, 502 for every other failure of a partner. */
export const mapNetworkError: ErrorMapper = (error) => {
  const name = readString(error, 'name') ?? '';
  const code = readString(error, 'code') ?? '';
  if (name === 'TypeError' && fetchSentences.has(readString(error, 'message') ?? '')) {
    const cause = read(error, 'cause');
    return isTimeout(readString(cause, 'name') ?? '', readString(cause, 'code') ?? '')
      ? standIn('SYS_TIMEOUT', error)
      : standIn('SYS_UPSTREAM_ERROR', error);
  }
  if (isTimeout(name, code)) return standIn('SYS_TIMEOUT', error);
  if (code.startsWith('UND_ERR') || name === 'HTTPParserError') return standIn('SYS_UPSTREAM_ERROR', error);
  return isUpstreamResponse(error, name) ? standIn('SYS_UPSTREAM_ERROR', error) : undefined;
};

const fetchSentences = new Set(['fetch failed', 'terminated']);

function isTimeout(name: string, code: string): boolean {
  // An abort is somebody's patience at its end: the call had no answer in time.
  return name === 'TimeoutError' || name === 'AbortError' || timeoutCodes.has(code);
}

const timeoutCodes = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_ABORTED',
  'UND_ERR_ABORT',
  'ETIMEDOUT',
  'ESOCKETTIMEDOUT',
]);

/** axios, got, ky and ofetch carry the partner's status; it is about the partner's request, not about ours. */
function isUpstreamResponse(error: unknown, name: string): boolean {
  if (read(error, 'isAxiosError') === true) return true;
  if (typeof read(error, 'getStatus') === 'function') return false;
  const response = read(error, 'response');
  const status = readNumber(response, 'status') ?? readNumber(response, 'statusCode');
  return status !== undefined && (name === 'HTTPError' || name === 'FetchError');
}
