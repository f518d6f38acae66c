import { setTraceFields } from '@kit/trace';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Inject,
  Injectable,
} from '@nestjs/common';
import type { Request } from 'express';
import { createHash, timingSafeEqual } from 'node:crypto';
import type { Config } from '../config.ts';
import { errors } from '../errors.ts';
import { CONFIG, KEY_RING } from '../tokens.ts';
import type { Principal } from '../users/user.ts';
import type { KeyRing } from './key-ring.ts';

type AuthenticatedRequest = Request & { principal?: Principal };

/** Lets in who brings a valid access token, or the administrator's token where one is configured. */
@Injectable()
export class PrincipalGuard implements CanActivate {
  readonly #keys: KeyRing;
  readonly #adminToken: string | undefined;

  constructor(@Inject(KEY_RING) keys: KeyRing, @Inject(CONFIG) config: Config) {
    this.#keys = keys;
    this.#adminToken = config.ADMIN_TOKEN;
  }

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const [scheme, token, ...rest] = (request.get('authorization') ?? '').split(' ');
    if (scheme?.toLowerCase() !== 'bearer' || !token || rest.length > 0) throw errors.AUTH_FAILED();
    request.principal = isSameSecret(token, this.#adminToken)
      ? { userId: 'administrator', role: 'admin' }
      : await this.#keys.verify(token);
    setTraceFields({ userId: request.principal.userId });
    return true;
  }
}

/** `@CurrentPrincipal() principal: Principal`: who the guard let in. */
export const CurrentPrincipal = createParamDecorator(
  (_data: unknown, context: ExecutionContext) =>
    context.switchToHttp().getRequest<AuthenticatedRequest>().principal,
);

function isSameSecret(given: string, expected: string | undefined): boolean {
  if (expected === undefined) return false;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}
