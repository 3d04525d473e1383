import { type Browser, chromium, type Page } from 'playwright-core';
import { findChromium } from './services/binaries.ts';

/**
 * Names what is missing; undefined when nothing is.
 *
 * @throws Error in CI, which has everything that the project can install
 */
export function browserObstacle(): string | undefined {
  if (findChromium() !== undefined) return undefined;
  const obstacle = 'needs Chromium: `apt-get install chromium`, then run the same command again';
  if (process.env.CI === 'true') throw new Error(obstacle);
  return obstacle;
}

/**
 * Headless Chromium of this machine. Close it after the tests.
 *
 * @param args switches of Chromium
 */
export async function launchBrowser(args: string[] = []): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === undefined) throw new Error(browserObstacle());
  // Its sandbox does not work for root.
  return chromium.launch({ executablePath, chromiumSandbox: process.getuid?.() !== 0, args });
}

/**
 * What went wrong on a page, in order: errors that its console shows, exceptions, and violations of its content
 * security policy, which Chromium also reports as console errors.
 */
export function collectProblems(page: Page): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => problems.push(error.stack ?? error.message));
  return problems;
}
