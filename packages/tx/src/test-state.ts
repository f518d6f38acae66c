import { sharedState } from './context.js';
import type { KnexClient } from './knex-port.js';
import type { Physical } from './scope.js';

/** The test transaction that stands in for every transaction of a database, while one is open. */
export function testState(client: KnexClient): { physical: Physical | undefined } {
  return sharedState(client, 'test', () => ({ physical: undefined as Physical | undefined }));
}
