import { Controller, Get } from '@nestjs/common';
import { openApiDocument } from './document.ts';

@Controller()
export class OpenApiController {
  readonly #document = openApiDocument();

  @Get('openapi.json')
  document() {
    return this.#document;
  }
}
