import { Body, Controller, Get, HttpCode, Inject, Post, UseGuards } from '@nestjs/common';
import type { z } from 'zod';
import type { Config } from '../config.ts';
import { login, presentUser, registration, toE164 } from '../schemas.ts';
import { CONFIG, KEY_RING } from '../tokens.ts';
import { UserCommands } from '../users/user-commands.ts';
import { UserQueries } from '../users/user-queries.ts';
import type { Principal } from '../users/user.ts';
import { zod } from '../zod.pipe.ts';
import type { KeyRing } from './key-ring.ts';
import { CurrentPrincipal, PrincipalGuard } from './principal.guard.ts';

@Controller()
export class AuthController {
  readonly #commands: UserCommands;
  readonly #queries: UserQueries;
  readonly #keys: KeyRing;
  readonly #ttlSeconds: number;

  constructor(
    @Inject(UserCommands) commands: UserCommands,
    @Inject(UserQueries) queries: UserQueries,
    @Inject(KEY_RING) keys: KeyRing,
    @Inject(CONFIG) config: Config,
  ) {
    this.#commands = commands;
    this.#queries = queries;
    this.#keys = keys;
    this.#ttlSeconds = config.TOKEN_TTL_SECONDS;
  }

  @Post('auth/register')
  async register(@Body(zod(registration)) { phone, ...input }: z.infer<typeof registration>) {
    return presentUser(await this.#commands.create({ ...input, phone: phone && toE164(phone) }));
  }

  @Post('auth/login')
  @HttpCode(200)
  async login(@Body(zod(login)) { email, password }: z.infer<typeof login>) {
    const { id, role } = await this.#queries.authenticate(email, password);
    return {
      accessToken: await this.#keys.sign({ userId: id, role }),
      tokenType: 'Bearer' as const,
      expiresIn: this.#ttlSeconds,
    };
  }

  @Get('auth/me')
  @UseGuards(PrincipalGuard)
  async me(@CurrentPrincipal() principal: Principal) {
    return presentUser(await this.#queries.get(principal, principal.userId));
  }

  /** For services that verify our tokens themselves. */
  @Get('.well-known/jwks.json')
  publicKeys() {
    return this.#keys.publicKeys();
  }
}
