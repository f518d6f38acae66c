import { readFields } from './body.ts';
import { type Exchange, Refusal } from './exchange.ts';
import type { SagaResolution, SagasPort } from './ports.ts';

const openStatuses = new Set(['running', 'compensating', 'stuck']);
const words = ['retry', 'compensated', 'completed'];
const maxNote = 500;

/**
 * Carries out what an operator has decided about a saga.
 *
 * @returns the decision, for the audit log
 * @throws Refusal with 400 for a wrong body, 404 for an unknown saga, 409 for one that has settled
 */
export async function resolveSaga(exchange: Exchange, sagas: SagasPort, id: string): Promise<SagaResolution> {
  const resolution = readResolution(await readFields(exchange, 'json'));
  const saga = await sagas.get(id);
  if (!saga) throw new Refusal(404, 'There is no such saga.');
  if (!openStatuses.has(saga.status)) throw new Refusal(409, `The saga is ${saga.status} already.`);
  try {
    await sagas.resolve(id, resolution);
  } catch (error) {
    // It settled between our look and our word.
    const now = await sagas.get(id);
    if (now && !openStatuses.has(now.status)) throw new Refusal(409, `The saga is ${now.status} already.`);
    throw error;
  }
  return resolution;
}

function readResolution({ as, note, ...rest }: Record<string, unknown>): SagaResolution {
  if (!words.includes(as as string)) throw new Refusal(400, `"as" must be one of ${words.join(', ')}.`);
  // PostgreSQL keeps no NUL.
  if (note !== undefined && (typeof note !== 'string' || note.length > maxNote || note.includes('\0'))) {
    throw new Refusal(400, `"note" must be a text of at most ${maxNote} characters.`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new Refusal(400, 'Only "as" and "note" are known.');
  return { as: as as SagaResolution['as'], ...(note !== undefined && note !== '' && { note }) };
}
