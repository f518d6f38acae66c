import { describe, expect, it } from 'vitest';
import { engines, platformOn } from './engines.ts';
import { eventually } from './platform.ts';

interface Check {
  name: string;
  status: string;
  metadata?: Record<string, number>;
}

describe.each(engines)('a payment, on $engine', ({ start }) => {
  const platform = platformOn(start, {
    SAGA_UNDO_ATTEMPTS: '1',
    BREAKER_OPEN_MS: '100',
  });

  const checkNamed = async (name: string) => {
    const { status, body } = await platform.request('/health');
    const found = (body.checks as Check[]).find((check) => check.name === name)!;
    return { httpStatus: status, whole: body.status as string, ...found };
  };
  const stuckOnMetrics = async () => {
    const { body } = await platform.request('/metrics');
    return /kit_saga_stuck\{[^}]*name="create-payment"[^}]*\} (\d+)/.exec(body)?.[1];
  };
  const asAdmin = { authorization: '' };

  /** The order is placed, the card is declined, and then the order cannot be cancelled. */
  async function getPaymentStuck(): Promise<string> {
    await platform.breakPartner('channel', { latencyMs: 4_000, declineRate: 1 });
    const answer = platform.pay();
    await eventually(
      () => platform.effects('order', { kind: 'order' }),
      (orders) => orders.length === 1,
    );
    await platform.breakPartner('order', { errorRate: 1 });
    const { status, body } = await answer;
    expect(status).toBe(202);
    return body.id as string;
  }

  it('that is stuck shows in health and metrics until an operator has resolved it', async () => {
    asAdmin.authorization = `Bearer ${platform.adminToken}`;
    expect(await checkNamed('stuck-sagas')).toMatchObject({ whole: 'healthy', status: 'healthy' });
    const id = await getPaymentStuck();

    expect(
      await eventually(
        () => checkNamed('stuck-sagas'),
        ({ status }) => status === 'degraded',
      ),
    ).toMatchObject({ httpStatus: 200, whole: 'degraded', metadata: { stuck: 1 } });
    // One payment that waits for an operator is no reason to send the others away.
    expect((await platform.request('/health/ready')).status).toBe(200);
    await eventually(stuckOnMetrics, (count) => count === '1');
    const { body } = await platform.request('/admin/sagas?status=stuck', { headers: asAdmin });
    expect(body.items.map((saga: { id: string }) => saga.id)).toEqual([id]);

    await platform.heal('order');
    await platform.heal('channel');
    const resolved = await platform.request(`/admin/sagas/${id}/resolve`, {
      json: { as: 'retry', note: 'order-service is back' },
      headers: asAdmin,
    });
    expect(resolved.status).toBe(204);
    await eventually(stuckOnMetrics, (count) => count === '0');
    await eventually(
      () => checkNamed('stuck-sagas'),
      ({ status, whole }) => status === 'healthy' && whole === 'healthy',
    );
    const { body: payment } = await platform.request(`/v1/payments/${id}`);
    expect(payment).toMatchObject({ status: 'failed', code: 'BIZ_CARD_DECLINED' });
    const effects = await platform.effects('order', { reference: id });
    expect(effects.map(({ kind }) => kind)).toContain('order-cancelled');
  });
});
