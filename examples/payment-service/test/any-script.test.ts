import { describe, expect, it } from 'vitest';
import { allEngines, platformOn } from './engines.ts';

describe.each(allEngines)('text, on $engine', ({ start }) => {
  const platform = platformOn(start);

  it('comes back as it was sent, in whatever script', async () => {
    const texts = {
      customerId: 'Ж-山-😀',
      description: 'naïve café, 你好, \u202Eright to left\nand a new line',
    };
    const { status, body } = await platform.pay(texts);
    expect(status).toBe(201);
    expect((await platform.request(`/v1/payments/${body.id}`)).body).toMatchObject(texts);
  });

  it('is another customer when a capital or an accent differs', async () => {
    for (const customerId of ['anna', 'ANNA', 'änna']) await platform.pay({ customerId });
    const { body } = await platform.request('/v1/payments?customerId=anna');
    expect(body.items.map(({ customerId }: { customerId: string }) => customerId)).toEqual(['anna']);
  });
});
