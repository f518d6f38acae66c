import { channel } from 'node:diagnostics_channel';
import type { AppError } from './app-error.js';
import { fingerprintOf } from './fingerprint.js';

/** Where every recorded error is announced. */
export const raisedChannelName = 'kit:errors:raised';

/** The frozen payload of `kit:errors:raised`. */
export interface ErrorRaised {
  readonly code: string;
  readonly status: number;
  readonly fingerprint: string;
  /** Method and route template, never a path with ids in it. */
  readonly endpoint?: string;
}

/** @internal */
export const raisedChannel = channel(raisedChannelName);

/** Announces an error; without a subscriber nothing is computed. */
export function publishRaised(
  error: AppError,
  context: { readonly endpoint?: string | undefined },
  fingerprint?: string,
): void {
  if (!raisedChannel.hasSubscribers) return;
  const { endpoint } = context;
  const payload: ErrorRaised = {
    code: error.code,
    status: error.status,
    fingerprint: fingerprint ?? fingerprintOf(error),
    ...(endpoint === undefined ? undefined : { endpoint }),
  };
  raisedChannel.publish(Object.freeze(payload));
}
