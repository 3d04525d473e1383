import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { browserMachine, prepareServices } from '@headgate/testkit/services/install';
import { SCENARIOS } from '../../k8s/test/catalogue.ts';
import type { Bootstrapped } from '../setup/bootstrap.mjs';
import { airflowStep, pipelinesStep } from '../setup/pipelines.ts';
import { runSteps } from '../setup/runner.mjs';
import { setup } from '../setup/setup.ts';
import { closingLine, sum } from './counts.ts';
import { formatSuites, runSuites, type SuiteResult } from './run.ts';
import { suitesOf } from './suites.ts';

/** CI has 90 minutes for everything, setup included. */
const TOTAL_MS = 75 * 60_000;

/** Copy of the closing line, for programs that call npm and get npm's messages last. */
const SUMMARY_FILE = 'state/test/summary.txt';

/**
 * Sets up, runs every suite, and ends with `N passed, N failed`.
 *
 * @param argv --full: the benchmark too; --only NAME: just this suite, repeatable
 * @param env K8S_E2E=1: the scenarios on a cluster too; CI=true: nothing may be missing
 * @returns exit code: 0 when something ran and nothing failed
 */
export async function test(
  context: Bootstrapped,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<number> {
  const { root, guard, signal, ui } = context;
  const { values } = parseArgs({
    args: [...argv],
    options: { full: { type: 'boolean', default: false }, only: { type: 'string', multiple: true } },
  });
  const startedAt = performance.now();
  const { mode } = await setup(context, { fallback: false, python: env.HEADGATE_PYTHON });
  const wanted = (name: string) => values.only === undefined || values.only.includes(name);
  const withoutServices = wanted('services') ? await prepareServices(context) : undefined;
  if (mode === 'full') await runSteps([pipelinesStep, airflowStep], context);
  if (wanted('control')) await prepareServices(context, browserMachine);
  const ci = env.CI === 'true';
  const k8s = { scenarios: SCENARIOS.map(({ name }) => name), wanted: env.K8S_E2E === '1' };
  const options = { full: values.full, withoutServices, ci, k8s };
  const suites = suitesOf(root, mode, options).filter(({ name }) => wanted(name));
  const totalMs = TOTAL_MS - (performance.now() - startedAt);
  const results = await runSuites(suites, { root, guard, signal, totalMs, say: ui.say });
  return report(context, results);
}

function report({ root, ui }: Bootstrapped, results: readonly SuiteResult[]): number {
  const total = sum(results.map(({ counts }) => counts));
  ui.say(`\n${formatSuites(results)}\n`);
  if (total.failures.length > 0) {
    ui.say(`Failures:\n${total.failures.map((failure) => `  ${failure}`).join('\n')}\n`);
  }
  mkdirSync(join(root, 'state/test'), { recursive: true });
  writeFileSync(join(root, SUMMARY_FILE), `${closingLine(total)}\n`);
  ui.say(closingLine(total));
  return total.failed === 0 && total.passed > 0 ? 0 : 1;
}
