import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import type { ReportReader } from './counts.ts';
import { formatSuites, type RunOptions, runSuites, type SuiteResult } from './run.ts';
import { type Suite, suitesOf } from './suites.ts';

const readNumbers: ReportReader = (text) => {
  const [passed = 0, failed = 0] = text.split(' ').map(Number);
  return { passed, failed, skipped: 0, failures: Array.from({ length: failed }, () => 'a test') };
};

/** Runs shell scripts as suites; each finds the path of its report in $1. */
async function run(scripts: Readonly<Record<string, string>>, over: Partial<Suite & RunOptions> = {}) {
  const root = tempDir();
  const context = testContext(root);
  const suites = Object.entries(scripts).map(([name, script]): Suite => {
    const path = join(root, 'reports', name);
    const args = ['-c', script, 'sh', path];
    const report = { path, read: readNumbers };
    return { name, command: 'sh', args, timeoutMs: 20_000, report, ...over };
  });
  const options = {
    root,
    guard: context.guard,
    signal: context.signal,
    totalMs: 60_000,
    say: context.ui.say,
  };
  return { results: await runSuites(suites, { ...options, ...over }), said: context.said };
}

const counts = (results: readonly SuiteResult[]) =>
  results.map(({ counts: { passed, failed, skipped } }) => [passed, failed, skipped]);

it('takes the counts of each report', async () => {
  const { results, said } = await run({ a: 'echo 5 0 > $1', b: 'echo 3 1 > $1; exit 1' });
  expect(counts(results)).toEqual([
    [5, 0, 0],
    [3, 1, 0],
  ]);
  expect(said).toEqual(['\n== a', '\n== b']);
});

it('counts one failure for a suite that fails without a failed test', async () => {
  const { results } = await run({ unit: 'echo 5 0 > $1; exit 1' });
  expect(counts(results)).toEqual([[5, 1, 0]]);
  expect(results[0]?.counts.failures).toEqual([
    'unit: sh -c failed with exit code 1, though no test did: see its output above',
  ]);
});

it('counts one failure for a suite that leaves no report', async () => {
  const { results } = await run({ silent: 'true', crashed: 'exit 9' });
  expect(counts(results)).toEqual([
    [0, 1, 0],
    [0, 1, 0],
  ]);
  expect(results[1]?.counts.failures[0]).toContain(
    'crashed: sh -c failed with exit code 9, but left no report',
  );
});

it('ends a suite that takes longer than it may', async () => {
  const { results } = await run({ hung: 'sleep 300' }, { timeoutMs: 100 });
  expect(results[0]?.counts.failures[0]).toContain('hung: sh -c took longer than');
});

it('starts no further suite when the time for all is over, and names the rest', async () => {
  const { results, said } = await run({ slow: 'sleep 300', next: 'echo 1 0 > $1' }, { totalMs: 200 });
  expect(counts(results)).toEqual([
    [0, 1, 0],
    [0, 0, 1],
  ]);
  expect(said).toContain('\n== next: skipped, the time for the whole run is over');
});

it('names a suite that this machine cannot run', async () => {
  const { results, said } = await run({ e2e: 'exit 1' }, { skip: 'needs Python' });
  expect(counts(results)).toEqual([[0, 0, 1]]);
  expect(said).toEqual(['\n== e2e: skipped, needs Python']);
  expect(formatSuites(results)).toBe('  e2e           0.0 s  skipped: needs Python');
});

it('takes the exit code of a suite without a report for its one test', async () => {
  const root = tempDir();
  const context = testContext(root);
  const suite = (name: string, command: string): Suite => ({ name, command, args: [], timeoutMs: 20_000 });
  const options = { root, guard: context.guard, signal: context.signal, totalMs: 60_000, say: () => {} };
  const results = await runSuites([suite('good', 'true'), suite('bad', 'false')], options);
  expect(counts(results)).toEqual([
    [1, 0, 0],
    [0, 1, 0],
  ]);
});

it('leaves out without Python what needs it', () => {
  const names = (mode: 'full' | 'fallback', full: boolean) =>
    suitesOf('/srv', mode, { full })
      .filter(({ skip }) => skip === undefined)
      .map(({ name }) => name);
  expect(names('full', false)).toEqual([
    'check',
    'unit',
    'envoy',
    'pipelines',
    'airflow',
    'services',
    'attacks',
    'control',
    'lifecycle',
    'e2e',
    'clients',
    'security',
  ]);
  expect(names('full', true)).toEqual([
    'check',
    'unit',
    'envoy',
    'pipelines',
    'airflow',
    'services',
    'attacks',
    'control',
    'lifecycle',
    'e2e',
    'clients',
    'security',
    'bench',
  ]);
  expect(names('fallback', true)).toEqual(['check', 'unit', 'services']);
});

it('fails for missing services where everything must be tested, and names them as skipped elsewhere', async () => {
  const withoutServices = 'needs redis-server, and there is no apt-get';
  const options = { ...testContext(tempDir()), totalMs: 60_000, say: () => {} };
  for (const ci of [true, false]) {
    const suites = suitesOf('/srv', 'full', { full: false, withoutServices, ci });
    const services = suites.filter(({ name }) => name === 'services');
    expect(counts(await runSuites(services, options))).toEqual([ci ? [0, 1, 0] : [0, 0, 1]]);
  }
});

it('names the scenarios that need a cluster, and runs them when they are wanted', () => {
  const suiteWith = (wanted: boolean) =>
    suitesOf('/srv', 'full', { full: false, k8s: { scenarios: ['scale', 'drain'], wanted } }).find(
      ({ name }) => name === 'k8s',
    );
  expect(suiteWith(false)?.skip).toBe('K8S_E2E=1 runs its scenarios: scale, drain');
  expect(suiteWith(true)?.skip).toBeUndefined();
});
