import { setTimeout as delay } from 'node:timers/promises';
import { migrateTx, type SagaResolution, type SagaSnapshot, type SagaStatus } from '@kit/tx';
import { bundleProcesses } from './bundle.ts';
import { type CrashDatabase, startDatabase } from './database.ts';
import { createTables, type PaymentInput, type RefundInput } from './flow.ts';
import type { EngineName } from './knex.ts';
import type { Ledger } from './partner.ts';
import type { SettlementInput } from './settlement.ts';
import { type CrashProcess, spawnProcess } from './spawn.ts';

/** An instance of the service. */
export interface Instance {
  readonly child: CrashProcess;
  /** Where it serves payments over HTTP, when it was told to. */
  readonly port: number | undefined;
  pay(input: PaymentInput, dedupeKey?: string): Promise<SagaSnapshot>;
  refund(input: RefundInput, dedupeKey?: string): Promise<SagaSnapshot>;
  /** One ACID transaction; `refused` when a payment is not paid, or settled already. */
  settle(input: SettlementInput): Promise<'completed' | 'refused'>;
  get(id: string): Promise<SagaSnapshot | undefined>;
  list(status: SagaStatus): Promise<SagaSnapshot[]>;
  resolve(id: string, resolution: SagaResolution): Promise<void>;
  /** SIGKILL, and the end of it. */
  kill(): Promise<void>;
}

/** A database, a partner, and instances that come and go. */
export interface World extends CrashDatabase {
  instance(env?: Record<string, string>): Promise<Instance>;
  ledger(): Promise<Ledger>;
  /** The partner's broken undo works again. */
  mendPartner(): Promise<void>;
  end(): Promise<void>;
}

/** Once for all worlds of this process. */
let bundled: ReturnType<typeof bundleProcesses> | undefined;

export async function createWorld(engine: EngineName, lateMs = 700): Promise<World> {
  const database = await startDatabase(engine);
  await migrateTx(database.knex);
  await createTables(database.knex);
  const bundles = await (bundled ??= bundleProcesses());
  const partner = spawnProcess(bundles.partner, { LATE: String(lateMs) });
  const port = await eventually(async () => /partner on (\d+)/.exec(partner.output)?.[1]);
  const partnerUrl = `http://127.0.0.1:${port}`;
  const instances = new Set<Instance>();
  return {
    ...database,
    async instance(env = {}) {
      const made = await startInstance(bundles.service, {
        ENGINE: engine,
        DATABASE: database.location,
        PARTNER: partnerUrl,
        ...env,
      });
      instances.add(made);
      return made;
    },
    ledger: async () => (await (await fetch(`${partnerUrl}/ledger`)).json()) as Ledger,
    mendPartner: async () => void (await fetch(`${partnerUrl}/mend`)),
    async end() {
      for (const instance of instances) await instance.kill();
      partner.signal('SIGKILL');
      await partner.exited;
      await database.close();
    },
  };
}

async function startInstance(file: string, env: Record<string, string>): Promise<Instance> {
  const child = spawnProcess(file, env);
  const waiting = new Map<number, { resolve(value: never): void; reject(error: unknown): void }>();
  let calls = 0;
  let port: number | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    child.process.on('message', (message: unknown) => {
      if (message === 'ready') return resolve();
      port ??= (message as { port?: number }).port;
      const { call, value, error } = message as { call: number; value: never; error?: { message: string } };
      const waiter = waiting.get(call);
      waiting.delete(call);
      if (error) waiter?.reject(Object.assign(new Error(error.message), error));
      else waiter?.resolve(value);
    });
    void child.exited.then(() => {
      const gone = new Error(`the instance is gone:\n${child.output}`);
      reject(gone);
      for (const waiter of waiting.values()) waiter.reject(gone);
    });
  });
  const send = <T>(command: Record<string, unknown>) =>
    new Promise<T>((resolve, reject) => {
      const call = (calls += 1);
      waiting.set(call, { resolve, reject });
      child.process.send({ call, ...command }, (error) => error && reject(error));
    });
  await ready;
  return {
    child,
    port,
    pay: (input, dedupeKey) => send({ op: 'pay', input, dedupeKey }),
    refund: (input, dedupeKey) => send({ op: 'refund', input, dedupeKey }),
    settle: (input) => send({ op: 'settle', input }),
    get: (id) => send({ op: 'get', id }),
    list: (status) => send({ op: 'list', status }),
    resolve: (id, resolution) => send({ op: 'resolve', id, resolution }),
    async kill() {
      child.signal('SIGKILL');
      await child.exited;
    },
  };
}

/** Waits for a condition; the limit is far above what it takes, for machines under load. */
export async function eventually<T>(
  look: () => Promise<T | undefined | false>,
  limitMs = 120_000,
): Promise<T> {
  const until = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > until) throw new Error(`it did not happen within ${limitMs} ms`);
    await delay(25);
  }
}

/** When no saga is under way any more: how many of each status. */
export async function settled(world: World, limitMs?: number): Promise<Record<string, number>> {
  await eventually(async () => {
    const open = await world.knex('kit_saga').whereIn('status', ['running', 'compensating']).first('id');
    return open === undefined;
  }, limitMs);
  const rows = await world.knex('kit_saga').select('status');
  const byStatus = Map.groupBy(rows, ({ status }) => status as string);
  return Object.fromEntries([...byStatus].map(([status, of]) => [status, of.length]));
}
