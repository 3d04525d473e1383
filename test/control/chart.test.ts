import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExperimentReport, LiveView, Look, Session } from '@headgate/contracts/admin/api';
import { browserObstacle, launchBrowser } from '@headgate/testkit/browser';
import { ROOT } from '@headgate/testkit/root';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** One look each minute, whose interval becomes narrower. */
const LOOKS: readonly Look[] = [9, 8, 7, 6, 5].map((width, index) => ({
  at_ms: Date.UTC(2026, 10, 30, 9, index),
  ...{ variant: 'v2', units: 100 * (index + 1), verdict: 'no_difference_yet' },
  ...{ difference: 0.01, low: 0.01 - width / 100, high: 0.01 + width / 100 },
}));

const REPORT: ExperimentReport = {
  ...{ model: 'digits', experiment: 'first', started_at_ms: 0, ended_at_ms: null },
  ...{ at_ms: 0, split_since_ms: 0, level: 0.95, runs: [] },
  sentence: 'Version 2 is not better yet.',
  variants: ['1', '2'].map((version) => ({
    ...{ name: `v${version}`, version, weight: 50, split_units: 500, units: 500, requests: 500 },
    elsewhere: 0,
  })),
  srm: { verdict: 'as_expected', e_value: 1, sentence: 'The units split as the weights say.' },
  metrics: [
    {
      ...{ metric: 'success_rate', unit: 'share', higher_is_better: true },
      control: { value: 0.9, units: 500 },
      comparisons: [
        {
          ...{ variant: 'v2', value: 0.91, units: 500, difference: 0.01, low: -0.04, high: 0.06 },
          ...{ verdict: 'no_difference_yet', why: 'The interval includes zero.', left_out: '' },
        },
      ],
    },
  ],
};

const VERSION = { revision: '1', changed_at_ms: 0, changed_by: 'control' };

const LIVE: LiveView = {
  ...{ at_ms: 0, default_model: 'digits', fresh: true, gateways: [], models: [] },
  routing: { ...VERSION, source: 'file', refused: [], in_force: VERSION },
};

const SESSION: Session = { key_id: 'k', csrf: 'c', expires_at_ms: Number.MAX_SAFE_INTEGER };

const TYPES: Readonly<Record<string, string>> = { js: 'text/javascript', css: 'text/css', html: 'text/html' };

describe.skipIf(browserObstacle() !== undefined)('The chart of an experiment', () => {
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    browser = await launchBrowser();
    const context = await browser.newContext({ timezoneId: 'UTC', colorScheme: 'light' });
    await context.route('**/*', (route) => route.fulfill(answerTo(new URL(route.request().url()).pathname)));
    page = await context.newPage();
    await page.goto('http://console.test/#/experiment/digits');
    await page.getByRole('figure').waitFor();
  });
  afterAll(() => browser?.close());

  const readout = () => page.getByRole('figure').locator('[aria-live]').innerText();

  it('has a name, and reads its last point', async () => {
    const figure = page.getByRole('figure', { name: 'Success rate: v2 minus v1, in percentage points' });
    expect(await figure.count()).toBe(1);
    expect(await readout()).toBe('30 Nov 09:04:00: +1 percentage points, between −4 and +6');
  });

  it('reads one point after the other by the arrow keys', async () => {
    await page.getByRole('application').focus();
    await page.keyboard.press('ArrowLeft');
    expect(await readout()).toContain('09:03:00: +1 percentage points, between −5 and +7');
    await page.keyboard.press('Home');
    expect(await readout()).toContain('09:00:00');
    await page.keyboard.press('ArrowLeft');
    expect(await readout()).toContain('09:00:00');
    await page.keyboard.press('End');
    expect(await readout()).toContain('09:04:00');
  });

  it('has all points in a table, which a button shows', async () => {
    const table = page.getByRole('table', { name: 'Success rate: v2 minus v1' });
    expect(await table.getByRole('row').count()).toBe(LOOKS.length + 1);
    const height = async () => (await table.boundingBox())?.height ?? 0;
    const wrapper = table.locator('..');
    expect(await wrapper.getAttribute('class')).toBe('unseen');
    await page.getByRole('button', { name: 'Show the numbers' }).click();
    expect(await wrapper.getAttribute('class')).not.toBe('unseen');
    expect(await height()).toBeGreaterThan(100);
  });

  it('takes the colours of the theme and the width of its place', async () => {
    const canvas = page.locator('.chart canvas');
    const picture = () => canvas.evaluate((element) => (element as unknown as Canvas).toDataURL());
    const before = await picture();
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(picture).not.toBe(before);
    await page.setViewportSize({ width: 360, height: 700 });
    await expect.poll(async () => (await canvas.boundingBox())?.width ?? 1000).toBeLessThan(360);
  });
});

interface Canvas {
  toDataURL(): string;
}

/** The built console, and an API with one experiment. */
function answerTo(path: string): { body: string; contentType: string } {
  const json = (value: object) => ({ body: JSON.stringify(value), contentType: 'application/json' });
  if (path.endsWith('/session')) return json(SESSION);
  if (path.endsWith('/events')) {
    return { body: `event: live\ndata: ${JSON.stringify(LIVE)}\n\n`, contentType: 'text/event-stream' };
  }
  if (path.endsWith('/looks')) return json({ looks: LOOKS });
  if (path.startsWith('/api/')) return json(REPORT);
  const file = path === '/' ? '/index.html' : path;
  const contentType = TYPES[file.split('.').at(-1) ?? ''] ?? 'image/svg+xml';
  return { body: readFileSync(join(ROOT, 'console/dist', file), 'utf8'), contentType };
}
