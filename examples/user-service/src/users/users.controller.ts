import {
  Body,
  Controller,
  Delete,
  Get,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  UseGuards,
} from '@nestjs/common';
import type { z } from 'zod';
import { CurrentPrincipal, PrincipalGuard } from '../auth/principal.guard.ts';
import { errors } from '../errors.ts';
import { newUser, pageQuery, presentUser, toE164, userChanges, userId } from '../schemas.ts';
import { zod } from '../zod.pipe.ts';
import { UserCommands } from './user-commands.ts';
import { UserQueries } from './user-queries.ts';
import type { Principal } from './user.ts';

@Controller('users')
@UseGuards(PrincipalGuard)
export class UsersController {
  readonly #commands: UserCommands;
  readonly #queries: UserQueries;

  constructor(@Inject(UserCommands) commands: UserCommands, @Inject(UserQueries) queries: UserQueries) {
    this.#commands = commands;
    this.#queries = queries;
  }

  @Post()
  async create(@CurrentPrincipal() principal: Principal, @Body(zod(newUser)) input: z.infer<typeof newUser>) {
    if (principal.role !== 'admin') throw errors.AUTH_FORBIDDEN();
    return presentUser(await this.#commands.create({ ...input, phone: input.phone && toE164(input.phone) }));
  }

  @Get()
  async page(
    @CurrentPrincipal() principal: Principal,
    @Query(zod(pageQuery)) query: z.infer<typeof pageQuery>,
  ) {
    const { items, nextCursor } = await this.#queries.page(principal, query.limit, query.cursor);
    return { items: items.map(presentUser), nextCursor };
  }

  @Get(':id')
  async get(@CurrentPrincipal() principal: Principal, @Param('id', zod(userId)) id: string) {
    return presentUser(await this.#queries.get(principal, id));
  }

  @Patch(':id')
  async update(
    @CurrentPrincipal() principal: Principal,
    @Param('id', zod(userId)) id: string,
    @Body(zod(userChanges)) { name, phone }: z.infer<typeof userChanges>,
  ) {
    const changes = {
      ...(name === undefined ? {} : { name }),
      ...(phone === undefined ? {} : { phone: phone && toE164(phone) }),
    };
    return presentUser(await this.#commands.update(principal, id, changes));
  }

  @Delete(':id')
  @HttpCode(204)
  async delete(
    @CurrentPrincipal() principal: Principal,
    @Param('id', zod(userId)) id: string,
  ): Promise<void> {
    await this.#commands.delete(principal, id);
  }
}
