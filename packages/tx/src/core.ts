import type { Admission } from './admission.js';
import type { DomainGuard } from './domain.js';
import type { Engine } from './engine.js';
import type { KnexClient } from './knex-port.js';
import type { Dangling } from './options.js';
import type { ReplicaRouter } from './replicas.js';

/** What the parts of one manager share. */
export interface Core {
  readonly name: string;
  readonly client: KnexClient;
  readonly engine: Engine;
  readonly maxDepth: number;
  readonly gateTimeoutMs: number;
  readonly dangling: Dangling;
  readonly domain: string | undefined;
  readonly guard: DomainGuard | undefined;
  readonly admission: Admission;
  readonly router: ReplicaRouter;
  /** Calls that `close()` waits for. */
  readonly running: Set<Promise<unknown>>;
  /** @throws TransactionClosedError once the manager is closed. */
  assertOpen(): void;
}
