import { parsePhoneNumberFromString } from 'libphonenumber-js';
import { z } from 'zod';
import type { User } from './users/user.ts';

/** What the routes take and give: validated at the border, and the source of the OpenAPI document. */
const email = z.email().max(254);
const name = z
  .string()
  // PostgreSQL keeps no NUL, and half a surrogate pair is no character anywhere.
  .refine((text) => !text.includes('\0') && text.isWellFormed(), 'has characters that cannot be kept')
  .trim()
  .min(1)
  .max(200);
// Long passphrases are welcome; a megabyte of one is an attack on the hash.
const password = z.string().min(10).max(200);
const phone = z
  .string()
  .max(40)
  .refine(
    (text) => parsePhoneNumberFromString(text)?.isValid() ?? false,
    'is not a phone number in international form',
  )
  .meta({ description: 'E.164 or any international form, e.g. +49 30 901820' });

export const registration = z.strictObject({ email, name, password, phone: phone.optional() });
export const login = z.strictObject({ email, password: z.string().min(1).max(200) });
export const newUser = registration.extend({ role: z.enum(['user', 'admin']).default('user') });
export const userChanges = z
  .strictObject({ name: name.optional(), phone: phone.nullable().optional() })
  .refine((changes) => Object.keys(changes).length > 0, 'nothing to change');
export const userId = z.uuid().toLowerCase();
export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(200).optional(),
});
export const phoneQuestion = z.strictObject({
  phone: z.string().min(1).max(40),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'must be an ISO 3166 code of two capitals')
    .optional(),
});
export const importRow = z.object({
  email,
  name,
  phone: z
    .string()
    .transform((text) => text.trim() || undefined)
    .pipe(phone.optional()),
});

export const userAnswer = z.object({
  id: z.uuid(),
  email,
  name,
  phone: z.string().nullable(),
  role: z.enum(['user', 'admin']),
  createdAt: z.iso.datetime(),
  updatedAt: z.iso.datetime(),
});
export const userPageAnswer = z.object({ items: z.array(userAnswer), nextCursor: z.string().nullable() });
export const tokenAnswer = z.object({
  accessToken: z.string(),
  tokenType: z.literal('Bearer'),
  expiresIn: z.number().meta({ description: 'seconds' }),
});
export const phoneAnswer = z.object({
  valid: z.boolean(),
  e164: z.string().nullable(),
  national: z.string().nullable(),
  country: z.string().nullable(),
  type: z.string().nullable(),
});

/** E.164 of a number that a schema has let through. */
export function toE164(text: string): string {
  return parsePhoneNumberFromString(text)!.number;
}

/** What a caller sees of a user. */
export function presentUser({ createdAt, updatedAt, ...user }: User): z.infer<typeof userAnswer> {
  return { ...user, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}
