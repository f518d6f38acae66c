/**
 * What the console looks at, by shape: the packages' own objects fit, and so does anything else of these shapes.
 * A port may throw, reject or hang; its panel then says so and the others go on.
 */
export interface HealthPort {
  report(): Promise<{
    readonly status: string;
    readonly checks: readonly {
      readonly name: string;
      readonly status: string;
      readonly critical: boolean;
      readonly message?: string;
      readonly duration: string;
      readonly metadata?: Readonly<Record<string, unknown>>;
    }[];
  }>;
  isReady(): boolean;
  readonly isShuttingDown: boolean;
}

/** The breakers as plain data: `() => registry.toJSON()`. */
export type BreakersPort = () => readonly {
  readonly name: string;
  readonly state: string;
  readonly isolated?: boolean;
  readonly counts: {
    readonly requests: number;
    readonly successes: number;
    readonly failures: number;
    readonly ignored: number;
    readonly slow: number;
  };
  readonly stale?: number;
  readonly retryAfterMs: number;
}[];

export interface ErrorsPort {
  snapshot(): {
    readonly total: number;
    readonly counts: Readonly<Record<string, number>>;
    /** Oldest first. */
    readonly last: readonly {
      readonly code: string;
      readonly message: string;
      readonly traceId: string;
      readonly endpoint?: string;
      readonly timestamp: string;
    }[];
    readonly perMinute: readonly number[];
  };
}

export interface SagaView {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly status: string;
  readonly input: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string };
  readonly steps: readonly {
    readonly seq: number;
    readonly name: string;
    readonly phase: 'do' | 'undo';
    readonly status: string;
    readonly attempts: number;
  }[];
}

export interface SagaResolution {
  as: 'retry' | 'compensated' | 'completed';
  note?: string | undefined;
}

export interface SagasPort {
  list(options: { status: 'running' | 'compensating' | 'stuck'; limit: number }): Promise<SagaView[]>;
  get(id: string): Promise<SagaView | undefined>;
  resolve(id: string, resolution: SagaResolution): Promise<void>;
  backlog(): Promise<number>;
}

export interface OutboxPort {
  /** Messages that wait; their age comes from the channel `kit:tx:outbox-backlog`. */
  backlog(): Promise<number>;
}

/** What the service has answered since it started. */
export interface HttpTotals {
  readonly requests: number;
  /** Those with a status of 500 or more. */
  readonly errors: number;
  /** Requests that took at most so many seconds, by bound, ascending, cumulative, the last bound being Infinity. */
  readonly buckets: readonly (readonly [seconds: number, count: number])[];
}

export type HttpPort = () => HttpTotals | Promise<HttpTotals>;

export interface AuditPort {
  record(entry: Record<string, unknown>): void;
}
