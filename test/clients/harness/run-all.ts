import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '@headgate/testkit/root';
import { type StackOptions, startStack } from '@headgate/testkit/stack';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { stopRequests } from '../../../scripts/setup/lifecycle.mjs';
import { readJunit } from '../../../scripts/test/counts.ts';
import { mergeReports } from './junit.ts';
import { runSuite } from './run-suite.ts';
import type { ClientSuite } from './suites.ts';

/** What the suites need besides a running stack. */
export interface Prepared {
  readonly stack?: StackOptions;
  /** Model repository of the stack. */
  readonly modelsDir?: string;
}

/**
 * Runs the suites that the command line names against one stack, and exits with 1 when a test failed.
 * `--only NAME` runs one, repeatable; `--report FILE` writes a JUnit report.
 *
 * @param prepare gets a folder that is removed at the end
 */
export async function runAll(
  all: readonly ClientSuite[],
  prepare: (dir: string) => Prepared = () => ({}),
): Promise<never> {
  const { values } = parseArgs({
    options: { report: { type: 'string' }, only: { type: 'string', multiple: true } },
  });
  const suites = all.filter(({ name }) => values.only === undefined || values.only.includes(name));
  const { stop: signal } = stopRequests();
  const guard = createGuard();
  const dir = mkdtempSync(join(tmpdir(), 'headgate-suites-'));
  const reports: string[] = [];
  try {
    const { stack: options, modelsDir = '' } = prepare(dir);
    const stack = await startStack(options);
    try {
      const python = join(ROOT, '.venv/bin/python');
      for (const suite of suites) {
        reports.push(await runSuite(suite, { ready: stack.ready, python, dir, modelsDir, guard, signal }));
      }
    } finally {
      await stack.stop();
    }
  } finally {
    await guard.close();
    rmSync(dir, { recursive: true, force: true });
  }
  const merged = mergeReports(reports);
  if (values.report !== undefined) {
    mkdirSync(dirname(values.report), { recursive: true });
    writeFileSync(values.report, merged);
  }
  process.exit(readJunit(merged).failed === 0 ? 0 : 1);
}
