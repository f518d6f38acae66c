import type { Engine } from './database-clock.js';
import type { StepRecord } from './saga-plan.js';

/** The words in which the rows of `kit_saga_step` are written, in the order of `valuesOf`. */
export const stepColumns = 'seq, phase, name, status, attempts, result, error';
export const stepValues = '?, ?, ?, ?, ?, ?, ?';
export const typedStepValues = '(?::integer, ?, ?, ?, ?::integer, ?, ?)';

export const valuesOf = ({ seq, phase, name, status, attempts, result, error }: StepRecord) => [
  seq, phase, name, status, attempts, jsonOf(result), jsonOf(error),
]; // prettier-ignore

const replaced = ['status', 'attempts', 'result', 'error', 'updated_at'];
const onConflict = `ON CONFLICT (saga_id, seq, phase) DO UPDATE SET ${replaced.map((column) => `${column} = excluded.${column}`).join(', ')}`;
export const onSameStep = {
  postgres: onConflict,
  sqlite: onConflict,
  mysql: `ON DUPLICATE KEY UPDATE ${replaced.map((column) => `${column} = VALUES(${column})`).join(', ')}`,
};

/** How many rows a raw UPDATE has changed, in the words of each driver. */
export function changedOf(engine: Engine, answer: unknown): number {
  if (engine === 'postgres') return (answer as { rowCount: number }).rowCount;
  if (engine === 'mysql') return (answer as [{ affectedRows: number }])[0].affectedRows;
  return (answer as { changes: number }).changes;
}

const jsonOf = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
