export type Role = 'user' | 'admin';

export interface User {
  id: string;
  email: string;
  name: string;
  /** E.164, e.g. `+4930901820`. */
  phone: string | null;
  role: Role;
  createdAt: Date;
  updatedAt: Date;
}

/** Who asks. */
export interface Principal {
  userId: string;
  role: Role;
}

/** People see and change themselves; administrators everybody. */
export function maySee(principal: Principal, userId: string): boolean {
  return principal.role === 'admin' || principal.userId === userId;
}

/** E-mail addresses are compared without case: nobody has two accounts that differ in a capital. */
export const normaliseEmail = (email: string): string => email.trim().toLowerCase();
