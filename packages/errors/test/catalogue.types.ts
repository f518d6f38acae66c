/* Compiled by tsc with the package, never run: a wrong use of a catalogue has to be a compile error. */
import { z } from 'zod';
import { type AppError, commonErrors, defineErrors, isAppError } from '../src/index.js';

const errors = defineErrors(
  {
    BIZ_LIMIT: {
      status: 422,
      title: 'Limit',
      message: (d) => `${d.needed.toUpperCase()} of ${d.limit}`,
      details: z.object({ limit: z.string(), needed: z.string() }),
    },
    BIZ_COERCED: {
      status: 400,
      title: 'Coerced',
      message: (d) => d.count.toFixed(2),
      details: z.object({ count: z.coerce.number<string>() }),
    },
    BIZ_PLAIN: { status: 400, title: 'Plain', message: () => 'plain' },
  },
  { base: commonErrors },
);

export const limit: AppError<'BIZ_LIMIT', { limit: string; needed: string }> = errors.BIZ_LIMIT(
  { limit: '1', needed: '2' },
  { cause: new Error('x'), retryAfterMs: 1 },
);
export const count: number | undefined = errors.BIZ_COERCED({ count: '1' }).details?.count;
errors.BIZ_PLAIN();
errors.RES_NOT_FOUND();
commonErrors.RES_CONFLICT({ id: 1 }, { cause: 1 });

// @ts-expect-error a detail of the wrong type
errors.BIZ_LIMIT({ limit: 1, needed: '2' });
// @ts-expect-error a missing detail
errors.BIZ_LIMIT({ limit: '1' });
// @ts-expect-error no details at all
errors.BIZ_LIMIT();
// @ts-expect-error the schema's input is a string, its output a number
errors.BIZ_COERCED({ count: 1 });
// @ts-expect-error an unknown code
errors.BIZ_NOPE();
// @ts-expect-error an unknown option
errors.BIZ_PLAIN(undefined, { reason: 'x' });
// @ts-expect-error a gRPC status that does not exist
defineErrors({ BIZ_X: { status: 400, title: 'x', grpc: 'NOPE' } });
defineErrors({
  BIZ_X: {
    status: 400,
    title: 'x',
    // @ts-expect-error a detail that the schema does not have
    message: (d) => d.b,
    details: z.object({ a: z.string() }),
  },
});

const caught: unknown = limit;
if (isAppError(caught, 'BIZ_LIMIT')) {
  const code: 'BIZ_LIMIT' = caught.code;
  console.log(code);
}
