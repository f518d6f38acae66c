import type { PipeTransform } from '@nestjs/common';
import type { ZodType } from 'zod';

/** `@Body(zod(schema))`: the value as the schema makes it; its ZodError leaves as VAL_INVALID_INPUT. */
export const zod = <T>(schema: ZodType<T>): PipeTransform<unknown, T> => ({
  transform: (value) => schema.parse(value),
});
