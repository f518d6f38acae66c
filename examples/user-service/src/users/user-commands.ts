import { Transactional } from '@kit/tx';
import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { hashPassword } from '../auth/passwords.ts';
import { USERS_MANAGER } from '../database.ts';
import { errors } from '../errors.ts';
import { USER_REPOSITORY } from '../tokens.ts';
import type { UserRepository } from './user-repository.ts';
import { maySee, normaliseEmail, type Principal, type Role, type User } from './user.ts';

export interface CreateUser {
  email: string;
  name: string;
  password: string;
  phone?: string | null | undefined;
  role?: Role;
}

/** What changes users. Each method is one transaction. */
@Injectable()
export class UserCommands {
  readonly #users: UserRepository;

  constructor(@Inject(USER_REPOSITORY) users: UserRepository) {
    this.#users = users;
  }

  async create(input: CreateUser): Promise<User> {
    // Hashing takes its time on purpose: before the transaction, not within it.
    const passwordHash = await hashPassword(input.password);
    return this.insert({ ...input, passwordHash });
  }

  @Transactional({ manager: USERS_MANAGER })
  protected async insert({
    email,
    name,
    phone,
    role,
    passwordHash,
  }: CreateUser & { passwordHash: string }): Promise<User> {
    const now = new Date();
    const user: User = {
      id: randomUUID(),
      email: normaliseEmail(email),
      name,
      phone: phone ?? null,
      role: role ?? 'user',
      createdAt: now,
      updatedAt: now,
    };
    // The unique index decides between two that come at once; this gives the other cases a better answer.
    if ((await this.#users.existingEmails([user.email])).size > 0) throw errors.RES_EMAIL_TAKEN();
    await this.#users.insert([{ ...user, passwordHash }]);
    return user;
  }

  @Transactional({ manager: USERS_MANAGER })
  async update(
    principal: Principal,
    id: string,
    changes: { name?: string; phone?: string | null },
  ): Promise<User> {
    this.#authorise(principal, id);
    if (!(await this.#users.update(id, { ...changes, updatedAt: new Date() })))
      throw errors.RES_USER_NOT_FOUND({ id });
    return (await this.#users.find(id))!;
  }

  @Transactional({ manager: USERS_MANAGER })
  async delete(principal: Principal, id: string): Promise<void> {
    this.#authorise(principal, id);
    if (!(await this.#users.delete(id))) throw errors.RES_USER_NOT_FOUND({ id });
  }

  #authorise(principal: Principal, id: string): void {
    if (!maySee(principal, id)) throw errors.AUTH_FORBIDDEN();
  }
}
