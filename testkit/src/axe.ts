import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const SOURCE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** What a page must not have; the other findings are advice. */
const IMPACTS: readonly (string | null | undefined)[] = ['serious', 'critical'];

/** Serious and critical findings of axe-core, a line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  // Through the debugger, which no content security policy limits.
  await page.evaluate(SOURCE);
  const { violations } = (await page.evaluate('axe.run()')) as AxeResults;
  return violations
    .filter(({ impact }) => IMPACTS.includes(impact))
    .flatMap(({ id, help, nodes }) =>
      nodes.map(({ html, failureSummary = '' }) => `${id}: ${help}: ${html}\n${failureSummary}`),
    );
}
