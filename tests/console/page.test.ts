import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { hasBrowser, launchBrowser, logIn, openPage, type WatchedPage } from './browser.ts';
import { type Mount, sagasOf, type Started, startConsole, stuckSaga, token } from './server.ts';

let browser: Browser;
let started: Started | undefined;
let watched: WatchedPage | undefined;

beforeAll(async () => {
  if (hasBrowser()) browser = await launchBrowser();
});
afterAll(() => browser?.close());
afterEach(async () => {
  const { page, complaints } = watched ?? {};
  await page?.context().close();
  await started?.stop();
  watched = undefined;
  started = undefined;
  // A broken policy, a script that fails: no page of the console ever complains.
  assert.deepEqual(complaints ?? [], []);
});

async function open(
  options: Parameters<typeof startConsole>[0] = {},
  context: Parameters<typeof openPage>[1] = {},
  mount: Mount = 'express',
): Promise<Page> {
  started = await startConsole(options, mount);
  watched = await openPage(browser, context);
  await logIn(watched.page, started.url, token);
  await watched.page.getByText('live', { exact: true }).waitFor();
  return watched.page;
}

const attacks = [
  '<script>window.hacked = 1</script>',
  '<img src=x onerror="window.hacked = 1">',
  '"><svg onload=window.hacked=1>',
  'javascript:window.hacked=1',
  '{{constructor.constructor("window.hacked=1")()}}',
  '\u202Etxt.exe\u0000</style></title><body onload=window.hacked=1>',
];

describe.runIf(hasBrowser())('what comes from outside', () => {
  it('stays text, wherever it is shown', async () => {
    const text = attacks.join(' ');
    const steps = [{ seq: 0, name: text, phase: 'do' as const, status: text, attempts: 2 }];
    const sagas = sagasOf([
      stuckSaga({
        id: attacks[0]!,
        name: text,
        input: { [text]: text },
        error: { name: text, message: text },
        steps,
      }),
    ]);
    const page = await open({
      title: text.slice(0, 100),
      sagas,
      outbox: { backlog: () => Promise.reject(new Error(text)) },
    });
    started!.health.add({
      name: text,
      check: () => ({
        status: 'degraded',
        message: text,
        metadata: { [text]: text, nested: { [text]: text } },
      }),
    });
    started!.breakers.get(text.slice(0, 200)).isolate();
    for (const attack of attacks) started!.monitor.record(new Error(attack), { endpoint: `GET /${attack}` });

    const errors = page.getByRole('region', { name: 'Errors' });
    await errors.locator('summary').first().click();
    for (const panel of ['health', 'breakers', 'errors', 'sagas', 'outbox']) {
      await page.locator(`#panel-${panel}`).getByText('onload=window.hacked=1').first().waitFor();
    }
    await page.getByRole('button', { name: /^Resolve/ }).click();
    await page.getByRole('dialog').getByText('<script>').first().waitFor();
    await page.getByRole('button', { name: 'Retry the saga' }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(sagas.resolved).toEqual([{ id: attacks[0], as: 'retry' }]);

    expect(await page.evaluate('window.hacked')).toBeUndefined();
    const foreign = 'script:not([src]), img[src="x"], body svg[onload], [onerror], [onload], style, iframe';
    expect(await page.locator(foreign).count()).toBe(0);
  });

  it('could not run even if it became markup: the policy and Trusted Types refuse it', async () => {
    const page = await open();
    expect(await ask(page, 'write-markup.js')).toBe('TypeError');
    expect(await page.evaluate('window.hacked')).toBeUndefined();
    // The browser complains of the attempt, rightly.
    expect(watched!.complaints.splice(0).join()).toContain('TrustedHTML');
  });
});

describe.runIf(hasBrowser())('a panel that cannot be read', () => {
  it('says so, and takes no other panel with it', async () => {
    let isBroken = false;
    const sagas = sagasOf([stuckSaga()]);
    const { list } = sagas;
    const page = await open({
      sagas: {
        ...sagas,
        list: (options) => (isBroken ? Promise.reject(new Error('the database is away')) : list(options)),
      },
    });
    const panel = page.locator('#panel-sagas');
    await panel.getByText('create-payment v1').waitFor();
    isBroken = true;
    await panel.getByText('This cannot be read: the database is away').waitFor();
    await page.getByText('sagas cannot be read').waitFor();
    // What was known is still there.
    await panel.getByText('create-payment v1').waitFor();
    started!.breakers.get('order-service');
    await page.getByRole('region', { name: 'Breakers' }).getByText('order-service').waitFor();
    isBroken = false;
    await panel.getByText('This cannot be read').waitFor({ state: 'hidden' });
  });
});

describe.runIf(hasBrowser())('without a mouse', () => {
  it('an operator logs in, reads a plot, unfolds an error, resolves a saga and logs out', async () => {
    const sagas = sagasOf([stuckSaga()]);
    let requests = 0;
    started = await startConsole({
      sagas,
      sampleMs: 100,
      http: () => ({
        requests: (requests += 5),
        errors: 0,
        buckets: [
          [1, requests],
          [Infinity, requests],
        ],
      }),
    });
    started.monitor.record(new Error('no route to ledger'));
    watched = await openPage(browser);
    const { page } = watched;
    await page.goto(`${started.url}/admin/console`);
    // The field has the focus already.
    await page.keyboard.type(token);
    await page.keyboard.press('Enter');
    await page.getByText('live', { exact: true }).waitFor();
    await page.getByRole('region', { name: 'Stuck sagas' }).waitFor();
    // A plot with a few samples, which the arrow keys can walk through.
    const read = requests;
    await expect.poll(() => requests).toBeGreaterThan(read + 50);
    await page.getByRole('img', { name: /^Requests per second: / }).waitFor();

    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to content');
    await page.keyboard.press('Enter');

    await tabTo(page, /^Requests per second: .*Arrow keys/);
    await page.waitForTimeout(500);
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await page
      .locator('#panel-http')
      .getByText(/^\d\d:\d\d:\d\d$/)
      .first()
      .waitFor();

    await tabTo(page, /^Resolve create-payment saga-1$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(await focused(page)).toBe('Resolve create-payment saga-1');
    await page.keyboard.press('Enter');
    await page.keyboard.press('ArrowDown');
    await page.getByRole('button', { name: 'Mark as compensated' }).waitFor();
    await tabTo(page, /^Note/);
    await page.keyboard.type('by hand');
    await tabTo(page, /^Mark as compensated$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect(sagas.resolved).toEqual([{ id: 'saga-1', as: 'compensated', note: 'by hand' }]);

    await tabTo(page, /^SYS_INTERNAL_ERROR/);
    await page.keyboard.press('Enter');
    await page.getByText('no route to ledger').waitFor();
    await tabTo(page, /^Copy trace id/);

    await tabTo(page, /^Log out$/);
    await page.keyboard.press('Enter');
    await page.getByLabel('Admin token').waitFor();
  });

  it('sees where the focus is, and keeps it while the page lives', async () => {
    let round = 0;
    const page = await open({ sagas: sagasOf([stuckSaga()]) });
    started!.health.add({
      name: 'busy',
      check: () => ({ status: 'healthy', message: `round ${(round += 1)}` }),
    });
    started!.monitor.record(new Error('first'));
    await tabTo(page, /^Resolve create-payment saga-1$/);
    const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineWidth');
    expect(Number.parseFloat(outline)).toBeGreaterThanOrEqual(2);
    const before = round;
    const shown = async () =>
      Number(/round (\d+)/.exec((await page.locator('#panel-health').textContent())!)?.[1] ?? 0);
    await expect.poll(shown).toBeGreaterThan(before + 5);
    expect(await focused(page)).toBe('Resolve create-payment saga-1');
  });
});

describe.runIf(hasBrowser())('on a phone, in the dark, at rest', () => {
  it('fits into 360 pixels', async () => {
    const long = 'a-name-without-any-space-that-is-longer-than-the-screen-of-a-small-phone'.repeat(2);
    const page = await open(
      {
        sagas: sagasOf([
          stuckSaga({ id: long, error: { name: long, message: long }, input: { [long]: long } }),
        ]),
        outbox: { backlog: async () => 1_234_567 },
        http: () => ({ requests: 0, errors: 0, buckets: [] }),
      },
      { viewport: { width: 360, height: 740 } },
    );
    started!.health.add({
      name: long,
      check: () => ({ status: 'degraded', message: long, metadata: { long } }),
    });
    started!.breakers.get(long).isolate();
    started!.monitor.record(new Error(long), { endpoint: `GET /${long}` });
    await page.locator('.codes summary').first().click();
    await page.locator('.saga details summary').first().click();
    await page.getByText('1234567').first().waitFor();
    const widest = () => ask(page, 'too-wide.js');
    expect(await widest()).toEqual({ page: 360, wide: [] });
    await page.getByRole('button', { name: /^Resolve/ }).click();
    await page.getByRole('dialog').waitFor();
    expect(await widest()).toEqual({ page: 360, wide: [] });
  });

  it('follows the system in light and dark, unless told otherwise, and remembers', async () => {
    const page = await open({}, { colorScheme: 'dark' });
    const background = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    const dark = await background();
    await page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(background).not.toBe(dark);
    const light = await background();
    await page.getByRole('button', { name: 'Use the dark theme' }).click();
    expect(await background()).toBe(dark);
    await page.reload();
    expect(await background()).toBe(dark);
    await page.getByRole('button', { name: 'Use the light theme' }).click();
    expect(await background()).toBe(light);
  });

  it.each(['light', 'dark'] as const)('has enough contrast in the %s', async (colorScheme) => {
    const page = await open({ sagas: sagasOf([stuckSaga()]) }, { colorScheme, reducedMotion: 'reduce' });
    started!.health.add({ name: 'queue', check: () => ({ status: 'degraded', message: 'slow' }) });
    started!.monitor.record(new Error('no route to ledger'));
    started!.breakers.get('order-service').isolate();
    await page.getByText('slow').waitFor();
    await page.locator('.codes summary').first().waitFor();
    expect(await ask(page, 'poor-contrasts.js')).toEqual([]);
  });

  it('moves nothing for who asked for that', async () => {
    const page = await open({}, { reducedMotion: 'reduce' });
    const running = "document.getAnimations().filter(({ playState }) => playState === 'running').length";
    expect(await page.evaluate(running)).toBe(0);
  });
});

describe.runIf(hasBrowser())('a session that ends', () => {
  it('is told to who looks, with a way back in', async () => {
    let shift = 0;
    const page = await open({ sessionMs: 60_000, now: () => Date.now() + shift });
    shift = 61_000;
    await page.getByText('Your session has ended.').waitFor();
    await page.getByRole('link', { name: 'Log in again' }).click();
    await page.getByLabel('Admin token').waitFor();
  });
});

/** Runs a script of `in-page` in the page. */
function ask<T>(page: Page, script: string): Promise<T> {
  return page.evaluate<T>(readFileSync(new URL(`./in-page/${script}`, import.meta.url), 'utf8'));
}

const focused = (page: Page) => ask<string>(page, 'focused-name.js');

async function tabTo(page: Page, name: RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses += 1) {
    if (name.test(await focused(page))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`no Tab leads to ${name}`);
}
