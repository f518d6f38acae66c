import { subscribe, unsubscribe } from 'node:diagnostics_channel';

export interface RecordedEvent {
  channel: string;
  payload: Record<string, unknown>;
}

/** Everything published on the named channels until `stop()`: `recordChannels('kit:breaker:call')`. */
export function recordChannels(...channels: string[]): { events: RecordedEvent[]; stop(): void } {
  const events: RecordedEvent[] = [];
  const listener = (payload: unknown, channel: string | symbol) => {
    events.push({ channel: String(channel), payload: payload as Record<string, unknown> });
  };
  for (const channel of channels) subscribe(channel, listener);
  return {
    events,
    stop: () => {
      for (const channel of channels) unsubscribe(channel, listener);
    },
  };
}
