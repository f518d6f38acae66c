import type { FastifySchemaCompiler } from 'fastify';
import type { z } from 'zod';

/** Hands zod's own error on, so that the error mapping lists every invalid field. */
export const validatorCompiler: FastifySchemaCompiler<z.ZodType> =
  ({ schema }) =>
  (data) => {
    const parsed = schema.safeParse(data);
    return parsed.success ? { value: parsed.data } : { error: parsed.error };
  };
