import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { isSupportedCountry, parsePhoneNumberFromString } from 'libphonenumber-js';
import type { z } from 'zod';
import { phoneAnswer, phoneQuestion } from '../schemas.ts';
import { zod } from '../zod.pipe.ts';

const unknown: z.infer<typeof phoneAnswer> = {
  valid: false,
  e164: null,
  national: null,
  country: null,
  type: null,
};

@Controller('phone')
export class PhoneController {
  /** A number that is wrong is an answer, not an error. */
  @Post('validate')
  @HttpCode(200)
  validate(
    @Body(zod(phoneQuestion)) { phone, country }: z.infer<typeof phoneQuestion>,
  ): z.infer<typeof phoneAnswer> {
    const region = country && isSupportedCountry(country) ? country : undefined;
    const parsed = parsePhoneNumberFromString(phone, region);
    if (!parsed?.isValid()) return unknown;
    return {
      valid: true,
      e164: parsed.number,
      national: parsed.formatNational(),
      country: parsed.country ?? null,
      type: parsed.getType()?.toLowerCase().replaceAll('_', '-') ?? null,
    };
  }
}
