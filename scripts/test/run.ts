import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { CommandError, runCommand } from '../setup/command.mjs';
import type { Guard } from '../setup/guard.mjs';
import type { Counts } from './counts.ts';
import type { Suite } from './suites.ts';

export interface SuiteResult {
  readonly name: string;
  readonly counts: Counts;
  readonly durationMs: number;
  /** Why it did not run. */
  readonly skipped?: string;
}

export interface RunOptions {
  readonly root: string;
  readonly guard: Guard;
  readonly signal: AbortSignal;
  /** Limit for all suites together: the running suite is ended, the rest is skipped. */
  readonly totalMs: number;
  readonly say: (text: string) => void;
}

/** Runs the suites one after the other, each under its own watchdog; output passes through. */
export async function runSuites(suites: readonly Suite[], options: RunOptions): Promise<SuiteResult[]> {
  const deadline = performance.now() + options.totalMs;
  const results: SuiteResult[] = [];
  for (const suite of suites) {
    const remainingMs = deadline - performance.now();
    const reason = skipReason(suite, options.signal, remainingMs);
    if (reason !== undefined) {
      options.say(`\n== ${suite.name}: skipped, ${reason}`);
      const counts = suite.required ? withFailure(NOTHING, `${suite.name}: skipped, ${reason}`) : SKIPPED;
      results.push({ name: suite.name, counts, durationMs: 0, skipped: reason });
      continue;
    }
    options.say(`\n== ${suite.name}`);
    const startedAt = performance.now();
    const counts = await runSuite(suite, Math.min(suite.timeoutMs, remainingMs), options);
    results.push({ name: suite.name, counts, durationMs: performance.now() - startedAt });
  }
  return results;
}

/** A whole suite that did not run counts as one skipped test. */
const SKIPPED: Counts = { passed: 0, failed: 0, skipped: 1, failures: [] };

function skipReason(suite: Suite, signal: AbortSignal, remainingMs: number): string | undefined {
  if (signal.aborted) return 'the run was stopped';
  if (remainingMs <= 0) return 'the time for the whole run is over';
  return suite.skip;
}

async function runSuite(suite: Suite, timeoutMs: number, options: RunOptions): Promise<Counts> {
  const { root, guard, signal } = options;
  if (suite.report !== undefined) {
    rmSync(suite.report.path, { force: true });
    mkdirSync(dirname(suite.report.path), { recursive: true });
  }
  let failure: string | undefined;
  try {
    const { command, args, env = {} } = suite;
    await runCommand(command, args, { cwd: root, env, guard, signal, timeoutMs, inherit: true });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    failure = error.message;
  }
  return judge(suite, failure);
}

/**
 * The counts of the report. A suite that failed without a failed test (low coverage, ended, no report) counts as one
 * more failure.
 */
function judge(suite: Suite, failure: string | undefined): Counts {
  const reported = readReport(suite, failure);
  if (typeof reported === 'string') return withFailure(NOTHING, `${suite.name}: ${reported}`);
  if (failure === undefined || reported.failed > 0) return reported;
  return withFailure(reported, `${suite.name}: ${failure}, though no test did: see its output above`);
}

const NOTHING: Counts = { passed: 0, failed: 0, skipped: 0, failures: [] };

function readReport({ report }: Suite, failure: string | undefined): Counts | string {
  if (report === undefined) return failure ?? { ...NOTHING, passed: 1 };
  try {
    return report.read(readFileSync(report.path, 'utf8'));
  } catch (error) {
    return `${failure ?? 'ended well'}, but left no report: ${error instanceof Error ? error.message : error}`;
  }
}

function withFailure(counts: Counts, failure: string): Counts {
  return { ...counts, failed: counts.failed + 1, failures: [...counts.failures, failure] };
}

/** One line per suite: name, counts, seconds. */
export function formatSuites(results: readonly SuiteResult[]): string {
  return results
    .map(({ name, counts, durationMs, skipped }) => {
      const numbers = `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
      return `  ${name.padEnd(8)}  ${(durationMs / 1000).toFixed(1).padStart(7)} s  ${skipped === undefined ? numbers : `skipped: ${skipped}`}`;
    })
    .join('\n');
}
