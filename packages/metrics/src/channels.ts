/** The part of each channel's payload that becomes a metric, by channel name. */
export interface ObservedChannels {
  'kit:breaker:state-changed': { name: string; to: string };
  'kit:breaker:call': { name: string; state?: string; outcome: string; durationMs: number };
  'kit:breaker:rejected': { name: string; reason: string };
  'kit:breaker:retried': { name: string };
  'kit:breaker:stale': { name: string };
  'kit:tx:settled': { name: string; mode: string; outcome: string; durationMs: number };
  'kit:tx:retried': { name: string; code: string };
  'kit:tx:saga-step': { name: string; step: string; phase: string; outcome: string; durationMs: number };
  'kit:tx:saga-settled': { name: string; outcome: string; durationMs: number; id?: string };
  'kit:tx:saga-stuck': { name: string; id: string };
  'kit:tx:outbox-published': { name: string; topic: string; count: number; durationMs: number };
  'kit:tx:outbox-backlog': { name: string; size: number; oldestMs: number };
  'kit:health:checked': { name: string; status: string; durationMs: number };
  'kit:health:readiness-changed': { name: string; ready: boolean };
  'kit:trace:anomaly': { client: string };
  'kit:errors:raised': { code: string };
}

/** A diagnostics channel that `observeKit` listens to. */
export type ObservedChannel = keyof ObservedChannels;

/** What becomes of a message on each channel. */
export type Observers = { [C in ObservedChannel]?: (payload: ObservedChannels[C]) => void };
