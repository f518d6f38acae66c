import type { BreakerConfig } from './breaker-options.js';
import { type StateChangedEvent, stateChangedChannel } from './channels.js';
import { callQuietly } from './report.js';

/** Tells the channel and `onStateChange`; the state at creation goes to the channel only, it is no change. */
export function reportState(config: BreakerConfig, event: Omit<StateChangedEvent, 'name'>): void {
  const { name, onStateChange } = config;
  if (!stateChangedChannel.hasSubscribers && onStateChange === undefined) return;
  const { from, to, reason, counts } = event;
  const change = Object.freeze({ name, from, to, reason, counts });
  if (stateChangedChannel.hasSubscribers) stateChangedChannel.publish(change);
  if (from !== null && onStateChange !== undefined)
    callQuietly(config, 'onStateChange', () => onStateChange({ ...change, from }));
}
