import assert from 'node:assert/strict';
import { commonErrors, defineErrors, errorsToOpenApi, toAppError } from '@kit/errors';
import { z } from 'zod';

const body = z.object({ amount: z.number().int(), to: z.object({ iban: z.string().min(15) }) });
const { error } = body.safeParse({ amount: 1.5, to: { iban: 'X' } });
const mapped = toAppError(error);
assert.equal(mapped.status, 400);
assert.deepEqual(mapped.errors?.map(({ field }) => field).toSorted(), ['amount', 'to.iban']);

const errors = defineErrors(
  {
    BIZ_LIMIT: {
      status: 422,
      title: 'Limit',
      message: ({ limit }) => `above ${limit}`,
      details: z.object({ limit: z.string() }),
    },
  },
  { base: commonErrors },
);
assert.equal(errors.BIZ_LIMIT({ limit: '1.00' }).message, 'above 1.00');
assert.ok(JSON.stringify(errorsToOpenApi(errors)).includes('BIZ_LIMIT'));
console.log('validation: ok');
