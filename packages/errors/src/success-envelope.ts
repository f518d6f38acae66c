import { isoNow } from './timestamp.js';
import { currentTraceIds, newTraceIds } from './trace-port.js';

/** The body of a successful response, the counterpart of a problem. */
export interface SuccessEnvelope<Data> {
  readonly data: Data;
  /** The 8-character trace id. */
  readonly traceId: string;
  readonly requestId: string;
  readonly timestamp: string;
}

/**
 * Wraps a result with the ids that a problem would carry.
 *
 * @example
 * ```ts
 * import { successEnvelope } from '@kit/errors';
 *
 * const body = successEnvelope({ paymentId: 7 }); // { data, traceId, requestId, timestamp }
 * ```
 */
export function successEnvelope<Data>(data: Data): SuccessEnvelope<Data> {
  const { traceId, requestId } = currentTraceIds() ?? newTraceIds();
  return { data, traceId, requestId, timestamp: isoNow() };
}
