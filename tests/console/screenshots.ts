import { AppError, createErrorMonitor } from '@kit/errors';
import { channel } from 'node:diagnostics_channel';
import { mkdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { launchBrowser, logIn, openPage } from './browser.ts';
import { sagasOf, startConsole, stuckSaga, token } from './server.ts';

/**
 * Makes the pictures of docs/guides/console.md: `npm run exec -- node --conditions=@kit/source --import tsx tests/console/screenshots.ts`.
 * The service is a small one whose clock runs fifty times as fast, so that a quarter of an hour of history takes 18 seconds.
 */
const folder = fileURLToPath(new URL('../../docs/images/', import.meta.url));
mkdirSync(folder, { recursive: true });
let speed = 50;
let [realAt, shownAt] = [Date.now(), Date.now()];
const now = () => {
  const real = Date.now();
  shownAt += (real - realAt) * speed;
  realAt = real;
  return Math.round(shownAt);
};

/** What goes wrong at the moment. */
let trouble: 'none' | 'blip' | 'outage' = 'none';
let servedAt = now();
let requests = 0;
let errors = 0;
const bounds = [0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, Infinity];
const within = bounds.map(() => 0);

function serveSome(): void {
  const seconds = (now() - servedAt) / 1_000;
  servedAt += seconds * 1_000;
  const perSecond = 36 + 12 * Math.sin(servedAt / 70_000) + 8 * Math.random();
  const count = Math.round(seconds * perSecond);
  requests += count;
  errors += Math.round(count * { none: Math.random() < 0.2 ? 0.01 : 0, blip: 0.08, outage: 0.38 }[trouble]);
  const slow = { none: 1, blip: 3, outage: 9 }[trouble];
  for (let n = 0; n < count; n += 1) {
    const seconds = -Math.log(Math.random()) * 0.03 * slow;
    bounds.forEach((bound, index) => {
      if (seconds <= bound) within[index]! += 1;
    });
  }
}

const stuck = [
  stuckSaga({
    id: '6c0c02ba-b314-4697-9bd9-a8bfa6ad4585',
    error: {
      name: 'HttpStatusError',
      code: 'KIT_HTTP_STATUS',
      message: 'order-service answered 503 to the cancellation',
    },
    input: { amount: 1_250, currency: 'EUR', customerId: 'customer-17' },
    steps: [
      { seq: 0, name: 'row', phase: 'do', status: 'done', attempts: 1 },
      { seq: 1, name: 'risk', phase: 'do', status: 'done', attempts: 1 },
      { seq: 2, name: 'order', phase: 'do', status: 'done', attempts: 1 },
      { seq: 2, name: 'order', phase: 'undo', status: 'failed', attempts: 10 },
      { seq: 3, name: 'channel', phase: 'do', status: 'failed', attempts: 1 },
    ],
  }),
  stuckSaga({
    id: '79cdbd3b-bbbb-4903-b625-f59d9f5fc54d',
    status: 'running',
    error: undefined as never,
    input: { amount: 990, currency: 'EUR', customerId: 'customer-4' },
    steps: [
      { seq: 0, name: 'row', phase: 'do', status: 'done', attempts: 1 },
      { seq: 1, name: 'risk', phase: 'do', status: 'started', attempts: 1 },
    ],
  }),
];
const sagas: typeof stuck = [];

const monitor = createErrorMonitor({ now });
const started = await startConsole(
  {
    title: 'payment-service',
    errors: monitor,
    sagas: sagasOf(sagas),
    outbox: { backlog: async () => (trouble === 'outage' ? 38 : 0) },
    http: () => {
      serveSome();
      return { requests, errors, buckets: bounds.map((bound, index) => [bound, within[index]!] as const) };
    },
    sampleMs: 100,
    refreshMs: 250,
    now,
  },
  'express',
);
const { health, breakers } = started;
const partners = ['risk-service', 'order-service', 'channel-adapter'];
const isBroken = (name: string) =>
  trouble === 'outage' ? name !== 'channel-adapter' : trouble === 'blip' && name === 'risk-service';
health.add({
  name: 'database',
  check: () => ({ status: 'healthy', metadata: { open: 6, inUse: 2, max: 10 } }),
});
health.add(
  {
    name: 'outbox',
    check: () =>
      trouble === 'outage'
        ? { status: 'degraded', message: '38 messages wait, the oldest for 74 s' }
        : { status: 'healthy', metadata: { backlog: 0 } },
  },
  { critical: false, groups: [] },
);
for (const name of partners) {
  breakers.get(name);
  health.add(
    {
      name,
      check: () =>
        isBroken(name)
          ? { status: 'degraded', message: 'the breaker is open' }
          : { status: 'healthy', metadata: { state: 'closed' } },
    },
    { critical: false, groups: [] },
  );
}

const call = (name: string, fails: boolean) =>
  breakers
    .get(name)
    .run(() => (fails ? Promise.reject(new Error('503')) : Promise.resolve()))
    .catch(() => {});
const fail = (code: string, status: number, message: string, endpoint: string) =>
  monitor.record(new AppError({ code, status, title: code, message }), { endpoint });

const browser = await launchBrowser();
try {
  const { page } = await openPage(browser, {
    viewport: { width: 1200, height: 860 },
    colorScheme: 'light',
    reducedMotion: 'reduce',
  });
  await logIn(page, started.url, token);
  page.setDefaultTimeout(90_000);
  const shoot = async (name: string) => {
    await page.mouse.move(0, 0);
    await delay(700);
    await page.screenshot({ path: `${folder}console-${name}.png` });
  };

  await delay(9_000);
  trouble = 'blip';
  await delay(700);
  trouble = 'none';
  await delay(9_500);
  speed = 1;
  for (const name of partners) for (let n = 0; n < 40; n += 1) void call(name, n === 19);
  fail('RES_NOT_FOUND', 404, 'there is no such payment', 'GET /v1/payments/:id');
  fail('BIZ_CARD_DECLINED', 402, 'the card was declined', 'POST /v1/payments');
  await shoot('healthy-light');

  trouble = 'outage';
  speed = 50;
  sagas.push(...stuck);
  await delay(1_500);
  speed = 1;
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize({ width: 1000, height: 1150 });
  for (let n = 0; n < 14; n += 1)
    fail('SYS_PARTNER_FAILED', 502, 'order-service answered 503', 'POST /v1/payments');
  for (let n = 0; n < 5; n += 1)
    fail('SYS_UNAVAILABLE', 503, 'Breaker "risk-service" is open', 'POST /v1/payments');
  for (const name of partners.filter(isBroken)) for (let n = 0; n < 60; n += 1) void call(name, true);
  // The page has counted on with the fast clock; a new one starts from the service's.
  await page.reload();
  await page.locator('#panel-outbox').getByText('38').waitFor();
  channel('kit:tx:outbox-backlog').publish({ name: 'payment', size: 38, oldestMs: 74_000 });
  await page.locator('#panel-outbox').getByText('1 min').waitFor();
  await shoot('failing-dark');
  await page.locator('.codes summary').first().click();
  await page.locator('#panel-errors').screenshot({ path: `${folder}console-errors-dark.png` });

  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await page.setViewportSize({ width: 1000, height: 700 });
  await page
    .getByRole('button', { name: /^Resolve/ })
    .first()
    .click();
  await shoot('resolve-light');
  await page.keyboard.press('Escape');
  await page.setViewportSize({ width: 360, height: 780 });
  await page.evaluate('scrollTo(0, 0)');
  await shoot('narrow-360');
} finally {
  await browser.close();
  await started.stop();
}
