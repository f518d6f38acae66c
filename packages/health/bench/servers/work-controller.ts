import { Controller, Get, Post, Req } from '@nestjs/common';
import { countPings, upload, work } from './work.ts';

@Controller()
export class WorkController {
  @Get('work')
  work() {
    return work();
  }
  @Get('pings')
  pings() {
    return countPings();
  }
  @Post('upload')
  upload(@Req() req: object) {
    return upload(req as AsyncIterable<unknown>);
  }
}
