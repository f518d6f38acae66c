import type { Page } from '../domain/payment/payment-repository.ts';
import { errors } from './errors.ts';

/** A cursor is a place in the list, not a secret: time and id of the last item seen. */
export function toPage(query: { limit: number; cursor?: string | undefined }): Page {
  if (query.cursor === undefined) return { limit: query.limit };
  const [, createdAt, id] =
    /^(\d{1,15})\.([\x21-\x7e]{1,64})$/.exec(Buffer.from(query.cursor, 'base64url').toString()) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw errors.VAL_INVALID_INPUT({ field: 'cursor' });
  }
  return { limit: query.limit, after: { createdAt: new Date(Number(createdAt)), id } };
}

/** The answer to a list; a full page has a cursor for the next. */
export function toList<Item extends { createdAt: Date; id: string }, Dto>(
  items: Item[],
  { limit }: { limit: number },
  toDto: (item: Item) => Dto,
): { items: Dto[]; nextCursor?: string } {
  const last = items.length === limit ? items.at(-1) : undefined;
  return {
    items: items.map(toDto),
    ...(last && {
      nextCursor: Buffer.from(`${last.createdAt.getTime()}.${last.id}`).toString('base64url'),
    }),
  };
}
