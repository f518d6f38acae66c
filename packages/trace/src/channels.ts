import { channel } from 'node:diagnostics_channel';

/** Payload of `kit:trace:anomaly`: one client made more requests within a window than the limit. */
export interface AnomalyEvent {
  /** The client's address, else its user id. */
  readonly client: string;
  /** Requests in this window when the limit was passed. */
  readonly count: number;
  readonly windowMs: number;
  /** The 32-character trace id of the request that passed the limit. */
  readonly traceId: string | undefined;
}

/** @internal */
export const anomalyChannel = channel('kit:trace:anomaly');
