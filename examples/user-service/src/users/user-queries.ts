import { ReadOnly } from '@kit/tx';
import { Inject, Injectable } from '@nestjs/common';
import { verifyPassword } from '../auth/passwords.ts';
import { USERS_MANAGER } from '../database.ts';
import { errors } from '../errors.ts';
import { USER_CACHE, USER_REPOSITORY } from '../tokens.ts';
import type { UserCache } from './user-cache.ts';
import type { UserRepository } from './user-repository.ts';
import { maySee, normaliseEmail, type Principal, type User } from './user.ts';

export interface UserPage {
  items: User[];
  nextCursor: string | null;
}

/** What reads users: no transaction, a replica when there is one. */
@Injectable()
export class UserQueries {
  readonly #users: UserRepository;
  readonly #cache: UserCache;

  constructor(@Inject(USER_REPOSITORY) users: UserRepository, @Inject(USER_CACHE) cache: UserCache) {
    this.#users = users;
    this.#cache = cache;
  }

  async get(principal: Principal, id: string): Promise<User> {
    // A stranger learns no more from a user that exists than from one that does not.
    if (!maySee(principal, id)) throw errors.AUTH_FORBIDDEN();
    const user = await this.#cache.read(id, () => this.find(id));
    if (!user) throw errors.RES_USER_NOT_FOUND({ id });
    return user;
  }

  @ReadOnly({ manager: USERS_MANAGER })
  protected async find(id: string): Promise<User | undefined> {
    return this.#users.find(id);
  }

  @ReadOnly({ manager: USERS_MANAGER })
  async page(principal: Principal, limit: number, cursor?: string): Promise<UserPage> {
    if (principal.role !== 'admin') throw errors.AUTH_FORBIDDEN();
    const found = await this.#users.page(limit + 1, cursor === undefined ? undefined : decodeCursor(cursor));
    const items = found.slice(0, limit);
    return { items, nextCursor: found.length > limit ? encodeCursor(items.at(-1)!) : null };
  }

  /** The user whose credentials these are. */
  async authenticate(email: string, password: string): Promise<User> {
    const found = await this.credentialsOf(normaliseEmail(email));
    // Unknown addresses take as long as wrong passwords: time must not tell who is registered.
    const isRight = await verifyPassword(found?.passwordHash ?? null, password);
    if (!found || !isRight) throw errors.AUTH_INVALID_CREDENTIALS();
    const { passwordHash: _, ...user } = found;
    return user;
  }

  @ReadOnly({ manager: USERS_MANAGER })
  protected async credentialsOf(email: string) {
    return this.#users.findWithPassword(email);
  }
}

const encodeCursor = ({ createdAt, id }: User): string =>
  Buffer.from(`${createdAt.getTime()}:${id}`).toString('base64url');

function decodeCursor(cursor: string): { createdAt: Date; id: string } {
  const match = /^(\d{1,15}):([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString());
  if (!match) throw errors.VAL_INVALID_INPUT();
  return { createdAt: new Date(Number(match[1])), id: match[2]! };
}
