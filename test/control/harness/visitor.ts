import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { API_BASE, CSRF_HEADER, type Session } from '@headgate/contracts/admin/api';
import { collectProblems } from '@headgate/testkit/browser';
import { ROOT } from '@headgate/testkit/root';
import type { Ready } from '@headgate/testkit/stack';
import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';

const SCREENSHOTS = join(ROOT, 'state/test/screenshots');
/** As long as control may take to read its store: until then a page says that it loads. */
const WITHIN_MS = 60_000;
export const WIDE = { width: 1280, height: 900 };
/** The narrowest screen that the console is made for. */
export const NARROW = { width: 360, height: 740 };

/** Chromium reports answers that are refusals as errors of the console; a test says which ones it expects. */
const REFUSAL = /^Failed to load resource: the server responded with a status of (\d+)/;

/** A person with a browser of their own. */
export interface Visitor {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Shows a page of the console: `rollout/ID`. */
  show(address: string): Promise<void>;
  /** The section with that title. */
  card(title: string | RegExp): Locator;
  /** The row of the section's table whose first cell begins so. */
  row(card: string, name: string): Locator;
  /** Calls the admin API with the session of this browser. */
  call<T>(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<T>;
  /** Writes state/test/screenshots/NAME.png. */
  shoot(name: string): Promise<void>;
  /** What went wrong on the page since the last call, without refusals that were expected. */
  problems(expected?: readonly number[]): string[];
  close(): Promise<void>;
}

export interface VisitOptions {
  readonly colorScheme?: 'light' | 'dark';
  readonly viewport?: { readonly width: number; readonly height: number };
}

/** Opens the console in a new browser context, which has no session. */
export async function visit(browser: Browser, ready: Ready, options: VisitOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({ viewport: WIDE, reducedMotion: 'reduce', ...options });
  context.setDefaultTimeout(WITHIN_MS);
  const page = await context.newPage();
  const problems = collectProblems(page);
  await page.goto(ready.console);
  const card = (title: string | RegExp) => page.getByRole('region', { name: title });
  return {
    ...{ page, context, card },
    show: async (address) => {
      await page.goto(`${ready.console}#/${address}`);
      await page.getByText(/^Loading/).waitFor({ state: 'detached' });
    },
    row: (title, name) =>
      card(title)
        .getByRole('row')
        .filter({ has: page.getByRole('rowheader', { name: new RegExp(`^${name}\\b`) }) }),
    call: async <T>(method: 'GET' | 'POST' | 'DELETE', path: string, data?: object) => {
      const at = (below: string) => new URL(`${API_BASE}${below}`, ready.console).href;
      const session = await context.request.get(at('/session'));
      const { csrf } = (await session.json()) as Session;
      const headers = { [CSRF_HEADER]: csrf, origin: new URL(ready.console).origin };
      const answer = await context.request.fetch(at(path), { method, headers, ...(data && { data }) });
      if (!answer.ok()) throw new Error(`${method} ${path}: ${answer.status()} ${await answer.text()}`);
      return (answer.status() === 204 ? undefined : await answer.json()) as T;
    },
    shoot: async (name) => {
      mkdirSync(SCREENSHOTS, { recursive: true });
      await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`), fullPage: true });
    },
    problems: (expected = []) =>
      problems
        .splice(0)
        .filter((problem) => !expected.map(String).includes(REFUSAL.exec(problem)?.[1] ?? '')),
    close: () => context.close(),
  };
}

/** Logs in by a key, as a person does. */
export async function logIn({ page }: Visitor, key: string): Promise<void> {
  await page.getByLabel('Admin key').fill(key);
  await page.getByRole('button', { name: 'Log in' }).click();
  await page.getByRole('button', { name: 'Log out' }).waitFor();
}
