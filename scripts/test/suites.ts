import { join } from 'node:path';
import type { Mode } from '../setup/mode.ts';
import { type ReportReader, readChecks, readJunit, readVitest } from './counts.ts';

export interface Suite {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Its own watchdog, in ms. */
  readonly timeoutMs: number;
  /** File that the suite writes, and how to read it; none: the exit code is the only result. */
  readonly report?: { readonly path: string; readonly read: ReportReader };
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Why it cannot run on this machine. */
  readonly skip?: string | undefined;
  /** A suite that cannot run is a failure. */
  readonly required?: boolean;
}

export interface SuitesOptions {
  /** Includes long runs. */
  readonly full: boolean;
  /** Why Redis and PostgreSQL are missing; undefined when they are installed. */
  readonly withoutServices?: string | undefined;
  /** In CI, everything that the project can install must be present. */
  readonly ci?: boolean;
  /** Names of the scenarios on a cluster, and whether they are to run: they start a cluster of three nodes as root. */
  readonly k8s?: { readonly scenarios: readonly string[]; readonly wanted: boolean };
}

const MINUTE_MS = 60_000;
const NO_PYTHON = 'needs Python and Envoy, which setup could not install';

/** All suites, the cheapest first. */
export function suitesOf(root: string, mode: Mode, options: SuitesOptions): Suite[] {
  const { full, withoutServices, ci = false, k8s } = options;
  const skip = mode === 'full' ? undefined : NO_PYTHON;
  const { suite, vitest, others, pytest, reported } = suitesIn(root, full, skip);
  const cluster = reported('k8s.xml', readJunit);
  const withoutCluster = `K8S_E2E=1 runs its scenarios: ${k8s?.scenarios.join(', ')}`;
  const check = reported('check.json', readChecks);
  const coverage = ['--cov', '--cov-config=pipelines/pyproject.toml', '--cov-report=term'];
  return [
    suite('check', 5, ['scripts/check.ts', '--json', check.path], { report: check }),
    vitest('unit', 20, {}, ['--coverage']),
    vitest('envoy', 10, { skip }),
    pytest('pipelines', 15, 'pipelines', coverage),
    pytest('airflow', 15, 'pipelines/airflow', []),
    vitest('services', 15, { skip: withoutServices, required: ci }),
    vitest('attacks', 20, { skip }),
    vitest('control', 20, { skip }),
    vitest('lifecycle', 15, { skip }),
    vitest('e2e', 40, { skip }),
    // The first run of these two on a machine installs their Python environments.
    others('clients', 25),
    others('security', full ? 60 : 20),
    // The first run on a machine builds Kubernetes.
    vitest('cluster', 45, { skip: k8s?.wanted ? undefined : 'K8S_E2E=1 runs it' }),
    suite('k8s', 100, ['k8s/test/main.ts', '--junit', 'state/test/k8s.xml'], {
      report: cluster,
      skip: k8s?.wanted ? undefined : withoutCluster,
    }),
    ...(full ? [suite('bench', 30, ['load-tests/bench/main.ts'], { skip })] : []),
  ];
}

/** How each kind of suite is run. @param skip why Python and Envoy are missing */
function suitesIn(root: string, full: boolean, skip: string | undefined) {
  // Tests that count answers count as many as the specification asks for, and fuzzers go on for minutes.
  const env: Suite['env'] = full ? { E2E_FULL: '1' } : {};
  const suite = (name: string, minutes: number, args: readonly string[], more: Partial<Suite>): Suite => ({
    ...{ name, command: process.execPath, args, timeoutMs: minutes * MINUTE_MS, env },
    ...more,
  });
  const reported = (name: string, read: ReportReader) => ({ path: join(root, 'state/test', name), read });
  return {
    suite,
    reported,
    vitest(name: string, minutes: number, more: Partial<Suite> = {}, args: readonly string[] = []) {
      const report = reported(`${name}.json`, readVitest);
      const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report.path}`];
      const runner = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', name];
      return suite(name, minutes, [...runner, ...reporters, ...args], { report, ...more });
    },
    others(name: string, minutes: number) {
      const report = reported(`${name}.xml`, readJunit);
      return suite(name, minutes, [`test/${name}/main.ts`, '--report', report.path], { report, skip });
    },
    pytest(name: string, minutes: number, folder: string, args: readonly string[]) {
      const report = reported(`${name}.xml`, readJunit);
      const where = ['-m', 'pytest', '-c', `${folder}/pyproject.toml`, `${folder}/tests`];
      const command = join(root, folder, '.venv/bin/python');
      return suite(name, minutes, [...where, ...args, `--junitxml=${report.path}`], {
        command,
        report,
        skip,
      });
    },
  };
}
