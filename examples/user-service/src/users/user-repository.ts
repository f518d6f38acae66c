import type { TransactionManager } from '@kit/tx';
import type { Role, User } from './user.ts';

interface UserRow {
  id: string;
  email: string;
  name: string;
  phone: string | null;
  role: Role;
  password_hash: string | null;
  created_at: number | string;
  updated_at: number | string;
}

export interface NewUser extends User {
  passwordHash: string | null;
}

export interface UserRepository {
  insert(users: readonly NewUser[]): Promise<void>;
  find(id: string): Promise<User | undefined>;
  findWithPassword(email: string): Promise<NewUser | undefined>;
  existingEmails(emails: readonly string[]): Promise<Set<string>>;
  /** In the order of creation, after the given user. */
  page(limit: number, after?: { createdAt: Date; id: string }): Promise<User[]>;
  update(id: string, changes: { name?: string; phone?: string | null; updatedAt: Date }): Promise<boolean>;
  delete(id: string): Promise<boolean>;
}

/** SQL only: where a transaction begins and ends is decided by the services. */
export function createUserRepository(tm: TransactionManager): UserRepository {
  const users = () => tm.db<UserRow>('users');
  return {
    async insert(all) {
      await users().insert(all.map(rowOf));
    },
    async find(id) {
      const row = await users().where({ id }).first();
      return row && userOf(row);
    },
    async findWithPassword(email) {
      const row = await users().where({ email }).first();
      return row && { ...userOf(row), passwordHash: row.password_hash };
    },
    async existingEmails(emails) {
      const rows = await users().whereIn('email', emails).select('email');
      return new Set(rows.map((row) => row.email));
    },
    async page(limit, after) {
      const query = users().orderBy(['created_at', 'id']).limit(limit);
      if (after) {
        const at = after.createdAt.getTime();
        void query.where((where) =>
          where
            .where('created_at', '>', at)
            .orWhere((same) => same.where('created_at', at).where('id', '>', after.id)),
        );
      }
      return (await query).map(userOf);
    },
    async update(id, { updatedAt, ...changes }) {
      return (
        (await users()
          .where({ id })
          .update({ ...changes, updated_at: updatedAt.getTime() })) > 0
      );
    },
    async delete(id) {
      return (await users().where({ id }).delete()) > 0;
    },
  };
}

function userOf(row: UserRow): User {
  const { id, email, name, phone, role } = row;
  // Drivers give a bigint column as text.
  return {
    id,
    email,
    name,
    phone,
    role,
    createdAt: new Date(Number(row.created_at)),
    updatedAt: new Date(Number(row.updated_at)),
  };
}

function rowOf({ passwordHash, createdAt, updatedAt, ...user }: NewUser): UserRow {
  return {
    ...user,
    password_hash: passwordHash,
    created_at: createdAt.getTime(),
    updated_at: updatedAt.getTime(),
  };
}
