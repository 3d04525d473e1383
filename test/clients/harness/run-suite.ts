import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import type { Ready } from '@headgate/testkit/stack';
import { cachedVenv } from '@headgate/testkit/tools/venv';
import { CommandError, runCommand } from '../../../scripts/setup/command.mjs';
import type { Guard } from '../../../scripts/setup/guard.mjs';
import { readJunit } from '../../../scripts/test/counts.ts';
import { failedReport, skippedReport } from './junit.ts';
import { type ClientSuite, folderOf, iniOf, requirementsOf } from './suites.ts';

export interface SuiteOptions {
  /** The running stack's addresses and keys. */
  readonly ready: Ready;
  /** Interpreter of which environments are made. */
  readonly python: string;
  /** For reports and files of the tests; the caller removes it. */
  readonly dir: string;
  /** Model repository of the stack. */
  readonly modelsDir: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
}

/** Longest run of one client's tests, unless it says otherwise. */
const SUITE_MS = 5 * 60_000;

/** Runs pytest in the client's environment, its output passing through. @returns its JUnit report */
export async function runSuite(suite: ClientSuite, options: SuiteOptions): Promise<string> {
  const { name } = suite;
  const reason = await suite.problem?.(options.python);
  if (reason !== undefined) {
    console.log(`\n-- ${name}: skipped, ${reason}`);
    return skippedReport(name, reason);
  }
  console.log(`\n-- ${name}`);
  const report = join(options.dir, `${name}.xml`);
  try {
    await pytest(suite, await environmentsOf(suite, options), { ...options, report });
    return readFileSync(report, 'utf8');
  } catch (error) {
    options.signal.throwIfAborted();
    // pytest ends with 1 when a test failed, and says which in its report; with something else it is worse.
    const whole = error instanceof CommandError ? tryRead(report) : undefined;
    if (whole !== undefined && readJunit(whole).failed > 0) return whole;
    return failedReport(name, error instanceof Error ? error.message : String(error));
  }
}

/** Interpreter by name of environment; what was made before is found again. */
async function environmentsOf(
  { home, environment, uses = [] }: ClientSuite,
  { python, guard, signal }: SuiteOptions,
): Promise<Readonly<Record<string, string>>> {
  const pythons: Record<string, string> = {};
  for (const name of [environment, ...uses]) {
    const requirements = requirementsOf(ROOT, name, home);
    pythons[name] = await cachedVenv({ name, requirements, python, guard, signal, progress: console.log });
  }
  return pythons;
}

async function pytest(
  suite: ClientSuite,
  pythons: Readonly<Record<string, string>>,
  options: SuiteOptions & { readonly report: string },
): Promise<void> {
  const { ready, dir, modelsDir, report, guard, signal } = options;
  const { name, environment, timeoutMs = SUITE_MS } = suite;
  const context = join(dir, `${name}.json`);
  writeFileSync(context, JSON.stringify({ ...ready, pythons, modelsDir, dir }), { mode: 0o600 });
  const args = ['-m', 'pytest', '-c', iniOf(suite), folderOf(suite), `--junitxml=${report}`];
  const env = { HEADGATE_CLIENTS_CONTEXT: context, PYTHONDONTWRITEBYTECODE: '1' };
  const common = { cwd: ROOT, env, guard, signal, timeoutMs, inherit: true };
  await runCommand(pythons[environment] as string, args, common);
}

function tryRead(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
