import { describe, expect, it } from 'vitest';
import { onEveryEngine } from './service.ts';

onEveryEngine('phone numbers', (service) => {
  const validate = (body: unknown) => service.call('POST', '/phone/validate', { body });

  describe('phone validation', () => {
    it('gives the forms of a number', async () => {
      const { status, body } = await validate({ phone: '+49 1512 3456789' });
      expect(status).toBe(200);
      expect(body).toEqual({
        valid: true,
        e164: '+4915123456789',
        national: '01512 3456789',
        country: 'DE',
        type: null,
      });
    });

    it('reads a national number in its country', async () => {
      expect((await validate({ phone: '030 901820', country: 'DE' })).body).toMatchObject({
        valid: true,
        e164: '+4930901820',
      });
    });

    it.each([
      ['too short', { phone: '+49 1' }],
      ['no digits', { phone: 'call me' }],
      ['national without a country', { phone: '030 901820' }],
      ['a country that does not exist', { phone: '030 901820', country: 'XX' }],
    ])('says of a number that is %s that it is not valid', async (_what, body) => {
      const answer = await validate(body);
      expect(answer.status).toBe(200);
      expect(answer.body).toEqual({ valid: false, e164: null, national: null, country: null, type: null });
    });

    it.each([
      {},
      { phone: 5 },
      { phone: '' },
      { phone: '1'.repeat(41) },
      { phone: '+4930901820', country: 'Germany' },
    ])('refuses %j', async (body) => {
      expect((await validate(body)).status).toBe(400);
    });
  });
});
