import { subscribe, unsubscribe } from 'node:diagnostics_channel';

export interface BreakerChange {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly reason: string;
}

export interface BreakerChanges {
  of(name: string): BreakerChange | undefined;
  close(): void;
}

const maxBreakers = 1_000;

/** When and why each breaker last changed its state; the one at its creation is no change. */
export function createBreakerChanges(now: () => number): BreakerChanges {
  const changes = new Map<string, BreakerChange>();
  const onChange = (message: unknown) => {
    const { name, from, reason } = message as { name: string; from: string | null; reason: string };
    if (from === null) return;
    if (!changes.has(name) && changes.size >= maxBreakers) changes.delete(changes.keys().next().value!);
    changes.set(name, { at: now(), reason });
  };
  subscribe('kit:breaker:state-changed', onChange);
  return {
    of: (name) => changes.get(name),
    close: () => void unsubscribe('kit:breaker:state-changed', onChange),
  };
}
