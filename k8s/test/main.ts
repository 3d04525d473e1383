/** `npm run test:k8s`: shows on a real cluster what Headgate claims, and prints a table. Exits with 1 when a claim does not hold. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describeMachine } from '../../load-tests/bench/machine.ts';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { exitCodeOf, stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { createUi } from '../../scripts/setup/ui.mjs';
import { SCENARIOS } from './catalogue.ts';
import { parseOptions, USAGE } from './options.ts';
import { junit, plainTable, resultsPage } from './report.ts';
import { runScenarios } from './run.ts';
import { openSite } from './site.ts';

const ROOT = join(import.meta.dirname, '../..');
/** All scenarios; the cluster and its images come before. */
const TOTAL_MS = 45 * 60_000;

process.exitCode = await main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  return 1;
});
// Handles of libraries must not keep a finished program alive.
process.exit();

async function main(): Promise<number> {
  const options = readOptions();
  const unknown = options.only.filter((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown.length > 0) {
    console.error(`no such scenario: ${unknown.join(', ')}; there are ${names().join(', ')}`);
    return 2;
  }
  if (options.list) {
    console.log(names().join('\n'));
    return 0;
  }
  const chosen = SCENARIOS.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  const { stop: signal } = stopRequests();
  const guard = createGuard();
  const ui = createUi(process.stdout);
  const dir = mkdtempSync(join(tmpdir(), 'headgate-k8s-'));
  try {
    const lifecycle = chosen.some(({ name }) => name === 'lifecycle');
    const site = await openSite({ ...options, lifecycle, root: ROOT, dir, guard, signal, ui });
    const run = { site, dir, signal, totalMs: TOTAL_MS, begin: ui.begin };
    const results = await runScenarios(chosen, run).finally(site.close);
    console.log(`\n${plainTable(results)}\n`);
    const skipped = results.filter(({ verdict }) => verdict === 'skipped');
    if (skipped.length > 0) console.log(`skipped: ${skipped.map(({ name }) => name).join(', ')}\n`);
    write(options.junit, junit(results));
    write('state/test/k8s.json', `${JSON.stringify(results, null, 2)}\n`);
    if (options.out !== undefined) {
      const { date, commit } = describeMachine();
      write(options.out, resultsPage(read(options.out), results, names(), `${date}, ${commit}`));
    }
    if (signal.aborted) return exitCodeOf(signal.reason);
    return results.some(({ verdict }) => verdict === 'failed') ? 1 : 0;
  } finally {
    await guard.close();
    rmSync(dir, { recursive: true, force: true });
  }
}

function readOptions() {
  try {
    return parseOptions(process.argv.slice(2), process.env);
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${USAGE}`);
    process.exit(2);
  }
}

function names(): string[] {
  return SCENARIOS.map(({ name }) => name);
}

function write(path: string | undefined, text: string): void {
  if (path === undefined) return;
  const file = join(ROOT, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}

function read(path: string): string {
  const file = join(ROOT, path);
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}
