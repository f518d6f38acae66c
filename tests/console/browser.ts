import { hasServer, requireProgram } from 'kit-tooling/servers';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

/** False where there is no Chromium; under CI there has to be one. */
export const hasBrowser = () => hasServer('chromium');

/** Debian's Chromium, headless, speaking to nobody but the test. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: requireProgram('chromium'),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A page, and everything it complained about: broken policies, failed scripts. */
export interface WatchedPage {
  page: Page;
  complaints: string[];
}

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  page.setDefaultTimeout(90_000);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => {
    // A request that fails is the business of the test that lets it fail.
    if (message.type() === 'error' && !/Failed to load resource|net::ERR_/.test(message.text())) {
      complaints.push(message.text());
    }
  });
  return { page, complaints };
}

export async function logIn(page: Page, url: string, token: string): Promise<void> {
  await page.goto(`${url}/admin/console`);
  await page.getByLabel('Admin token').fill(token);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.waitForURL(`${url}/admin/console`);
}
