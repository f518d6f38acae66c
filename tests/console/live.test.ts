import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { verifyAuditLog } from '@kit/trace';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Platform, startPlatform } from '../../examples/payment-service/test/platform.ts';
import { hasBrowser, launchBrowser, logIn, openPage, type WatchedPage } from './browser.ts';

let platform: Platform;
let browser: Browser;
let watched: WatchedPage | undefined;

beforeAll(async () => {
  if (!hasBrowser()) return;
  [platform, browser] = await Promise.all([
    startPlatform({ SAGA_UNDO_ATTEMPTS: '2', BREAKER_OPEN_MS: '20000' }),
    launchBrowser(),
  ]);
});
afterAll(async () => {
  await browser?.close();
  await platform?.stop();
});
afterEach(async () => {
  const { page, complaints } = watched ?? {};
  watched = undefined;
  await page?.context().close();
  for (const name of ['order', 'channel', 'risk'] as const) await platform.heal(name);
  // A broken policy, a script that fails: no page of the console ever complains.
  assert.deepEqual(complaints ?? [], []);
});

async function open(): Promise<Page> {
  watched = await openPage(browser, { viewport: { width: 1280, height: 900 } });
  await logIn(watched.page, platform.url, platform.adminToken);
  await watched.page.getByText('live', { exact: true }).waitFor();
  return watched.page;
}

const breaker = (page: Page, name: string) => page.locator('#panel-breakers li', { hasText: name });
const check = (page: Page, name: string) => page.locator('#panel-health li', { hasText: name }).first();

/** The order is placed, the card is declined, and then the order cannot be cancelled. */
async function getPaymentStuck(customerId = 'customer-1'): Promise<string> {
  const before = (await platform.effects('order', { kind: 'order' })).length;
  await platform.breakPartner('channel', { latencyMs: 4_000, declineRate: 1 });
  const answer = platform.pay({ customerId });
  await eventually(
    () => platform.effects('order', { kind: 'order' }),
    (orders) => orders.length > before,
  );
  await platform.breakPartner('order', { errorRate: 1 });
  return (await answer).body.id as string;
}

async function auditOf(action: string): Promise<Record<string, unknown>[]> {
  const lines = readFileSync(join(platform.dataDir, 'payment-audit.log'), 'utf8').trimEnd().split('\n');
  return lines.map((line) => JSON.parse(line)).filter((record) => record.action === action);
}

describe.runIf(hasBrowser())('in a browser, the console of the payment-service', () => {
  it('shows nothing before the right token, and everything after it', async () => {
    watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${platform.url}/admin/console`);
    expect(page.url()).toBe(`${platform.url}/admin/console/login`);
    await page.getByLabel('Admin token').fill('not-the-admin-token');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByRole('alert').getByText('That is not the admin token.').waitFor();

    await page.getByLabel('Admin token').fill(platform.adminToken);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('live', { exact: true }).waitFor();
    for (const title of ['Traffic', 'Checks', 'Breakers', 'Sagas', 'Errors', 'Outbox']) {
      await page.getByRole('region', { name: new RegExp(`^${title} `) }).waitFor();
    }
    for (const name of ['database', 'sagas', 'stuck-sagas', 'outbox', 'order-service']) {
      await check(page, name).waitFor();
    }
    // A browser shows no secret to scripts.
    expect(await page.evaluate('document.cookie')).toBe('');

    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByLabel('Admin token').waitFor();
    await page.goto(`${platform.url}/admin/console`);
    expect(page.url()).toBe(`${platform.url}/admin/console/login`);
  });

  it('shows live how a partner fails, its breaker opens, counts down, and closes', async () => {
    const page = await open();
    const risk = breaker(page, 'risk-service');
    await risk.getByText('closed').waitFor();
    await page.getByRole('heading', { name: 'Everything is well' }).waitFor();

    await platform.breakPartner('risk', { errorRate: 1 });
    for (let n = 0; n < 6; n += 1) await platform.pay();
    await risk.getByText('open', { exact: true }).waitFor();
    await page.getByRole('heading', { name: 'Degraded' }).waitFor();
    expect(await page.title()).toMatch(/^Degraded/);
    await page.getByText('breaker risk-service is open').waitFor();
    await check(page, 'risk-service').getByText('degraded', { exact: true }).waitFor();
    expect(await check(page, 'risk-service').locator('.strip .mark-degraded').count()).toBeGreaterThan(0);
    // Five seconds and more are left, and they become fewer in front of one's eyes.
    const seconds = async () => Number.parseInt((await risk.locator('[data-until]').textContent())!, 10);
    const first = await seconds();
    await expect.poll(seconds).toBeLessThan(first);

    const errors = page.getByRole('region', { name: 'Errors' });
    await errors.locator('summary', { hasText: 'SYS_PARTNER_FAILED' }).click();
    const copy = errors.getByRole('button', { name: /^Copy trace id [0-9a-f]{8}$/ }).first();
    await copy.waitFor();

    await platform.heal('risk');
    await risk.getByText('half-open').waitFor();
    for (let n = 0; n < 3; n += 1) await platform.pay();
    await risk.getByText('closed').waitFor();
    await risk.getByText('trials succeeded').waitFor();
    await page.getByRole('heading', { name: 'Everything is well' }).waitFor();
  });

  it('copies a trace id that the service has logged', async () => {
    const page = await open();
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: platform.url });
    const { body } = await platform.request('/v1/payments/nobody');
    const errors = page.getByRole('region', { name: 'Errors' });
    await errors.locator('summary', { hasText: 'RES_NOT_FOUND' }).click();
    await errors.getByRole('button', { name: `Copy trace id ${body.traceId}` }).click();
    await page.getByText(`Copied trace id ${body.traceId}`).waitFor();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(body.traceId);
  });

  it('plots the traffic, also that of before it was opened', async () => {
    for (let n = 0; n < 5; n += 1) await platform.pay();
    const page = await open();
    const plot = page.getByRole('img', { name: /^Requests per second: .* now, at most / });
    await plot.waitFor();
    const most = async () => Number(/at most ([\d.]+)/.exec((await plot.getAttribute('aria-label'))!)?.[1]);
    await expect.poll(most).toBeGreaterThan(0);
    await page.reload();
    await page.getByText('live', { exact: true }).waitFor();
    await plot.waitFor();
    expect(await most()).toBeGreaterThan(0);
    // What was measured minutes ago is not the answer time of now.
    await page.getByRole('img', { name: /^95 % answered within: nothing now, at most / }).waitFor();
  });

  it('lets an operator resolve a stuck saga with a click, confirmed and audited', async () => {
    const page = await open();
    const id = await getPaymentStuck();
    const saga = page.locator(`[data-saga="${id}"]`);
    await page.getByRole('region', { name: 'Stuck sagas' }).locator(saga).waitFor();
    await page.getByText('1 saga is stuck').waitFor();
    await saga.getByText('undo order').waitFor();
    await saga.getByText(/failed, 2 attempts/).waitFor();
    await platform.heal('order');
    await platform.heal('channel');

    await saga.getByRole('button', { name: /^Resolve/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Resolve this saga' });
    await dialog.getByText(id).waitFor();
    // Who thinks better of it has changed nothing.
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect(await auditOf('saga.resolve')).toEqual([]);

    await saga.getByRole('button', { name: /^Resolve/ }).click();
    await dialog.getByLabel('Note, for the audit log').fill('order-service is back');
    await dialog.getByRole('button', { name: 'Retry the saga' }).click();
    await saga.waitFor({ state: 'detached' });
    await page.getByText('Nothing is under way, nothing waits for you.').waitFor();
    expect((await platform.request(`/v1/payments/${id}`)).body).toMatchObject({ status: 'failed' });
    const effects = await platform.effects('order', { reference: id });
    expect(effects.map(({ kind }) => kind)).toContain('order-cancelled');

    const [record, ...others] = await auditOf('saga.resolve');
    expect(others).toEqual([]);
    expect(record).toMatchObject({ sagaId: id, as: 'retry', note: 'order-service is back', status: 204 });
    const [login] = await auditOf('console.login');
    expect(login).toBeDefined();
    const file = join(platform.dataDir, 'payment-audit.log');
    expect(readFileSync(file, 'utf8')).not.toContain(platform.adminToken);
    expect((await verifyAuditLog(file)).ok).toBe(true);
  });

  it('says that it is stale when the service is gone, and goes on when it is back', async () => {
    const page = await open();
    await platform.killService();
    await page.getByText(/^reconnecting, stale since \d\d:\d\d:\d\d$/).waitFor();
    await platform.startService();
    await page.getByText('live', { exact: true }).waitFor();
    await platform.breakPartner('risk', { errorRate: 1 });
    for (let n = 0; n < 6; n += 1) await platform.pay();
    await breaker(page, 'risk-service').getByText('open', { exact: true }).waitFor();
  });

  it('does not keep the service from stopping in good order', async () => {
    const page = await open();
    await check(page, 'database').waitFor();
    platform.service.signal('SIGTERM');
    expect(await platform.service.exited).toEqual({ code: 0, signal: null });
    await platform.startService();
    await page.getByText('live', { exact: true }).waitFor();
  });

  it('is not in the metrics that it shows', async () => {
    await open();
    const { body } = await platform.request('/metrics');
    expect(body).not.toContain('/admin/console');
  });
});
