import type { Knex } from 'knex';
import { createHash } from 'node:crypto';

/** One thing a partner has done for somebody, under the key it was asked with. */
export interface Effect {
  service: string;
  key: string;
  /** The partner's own name for it, e.g. `chg_…`. */
  id: string;
  kind: string;
  /** What the caller did it for, e.g. the payment's id. */
  reference: string;
  amount: number;
  currency: string;
  answer: Record<string, unknown>;
  /** How often the same key arrived; the effect happened once. */
  deliveries: number;
  createdAt: string;
}

export interface NewEffect {
  key: string;
  id: string;
  kind: string;
  reference: string;
  amount: number;
  currency: string;
  /** What the caller sent: another body under the same key is refused. */
  request: unknown;
  answer: Record<string, unknown>;
}

/** The partner's own book of what it did. Whoever counts here sees what was lost and what happened twice. */
export interface EffectLedger {
  /** Does it once a key: a key that was seen before gives its first effect again. */
  record(effect: NewEffect): Promise<{ effect: Effect; isFirst: boolean; isSameRequest: boolean }>;
  findByKey(key: string): Promise<Effect | undefined>;
  findById(id: string): Promise<Effect | undefined>;
  list(filter: { reference?: string | undefined; kind?: string | undefined }): Promise<Effect[]>;
}

export function createEffectLedger(knex: Knex, service: string): EffectLedger {
  const rows = () => knex('effects').where({ service });
  return {
    async record({ request, answer, ...effect }) {
      const requestHash = hashOf(request);
      const [row] = await knex('effects')
        .insert({
          ...effect,
          service,
          request_hash: requestHash,
          answer: JSON.stringify(answer),
          deliveries: 1,
          created_at: Date.now(),
        })
        .onConflict(['service', 'key'])
        .merge({ deliveries: knex.raw('effects.deliveries + 1') })
        .returning('*');
      return {
        effect: fromRow(row),
        isFirst: row.deliveries === 1,
        isSameRequest: row.request_hash === requestHash,
      };
    },
    async findByKey(key) {
      const row = await rows().where({ key }).first();
      return row && fromRow(row);
    },
    async findById(id) {
      const row = await rows().where({ id }).first();
      return row && fromRow(row);
    },
    async list({ reference, kind }) {
      const query = rows().orderBy('created_at');
      if (reference !== undefined) query.where({ reference });
      if (kind !== undefined) query.where({ kind });
      return (await query.limit(10_000)).map(fromRow);
    },
  };
}

const hashOf = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex');

function fromRow(row: Record<string, string | number>): Effect {
  return {
    service: String(row.service),
    key: String(row.key),
    id: String(row.id),
    kind: String(row.kind),
    reference: String(row.reference),
    amount: Number(row.amount),
    currency: String(row.currency),
    answer: JSON.parse(String(row.answer)) as Record<string, unknown>,
    deliveries: Number(row.deliveries),
    createdAt: new Date(Number(row.created_at)).toISOString(),
  };
}
