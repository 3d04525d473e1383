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
}

const MINUTE_MS = 60_000;
const NO_PYTHON = 'needs Python and Envoy, which setup could not install';

/** All suites, the cheapest first. */
export function suitesOf(root: string, mode: Mode, options: SuitesOptions): Suite[] {
  const { full, withoutServices, ci = false } = options;
  const report = (name: string) => join(root, 'state/test', name);
  const skip = mode === 'full' ? undefined : NO_PYTHON;
  // Tests that count answers use the specified numbers, and fuzzers run for minutes.
  const more: Suite['env'] = full ? { E2E_FULL: '1' } : {};
  const check: Suite = {
    name: 'check',
    command: process.execPath,
    args: ['scripts/check.ts', '--json', report('check.json')],
    timeoutMs: 5 * MINUTE_MS,
    report: { path: report('check.json'), read: readChecks },
  };
  const unit = {
    ...vitest(root, report('unit.json'), { project: 'unit', minutes: 20, args: ['--coverage'] }),
    env: more,
  };
  const envoy = {
    ...vitest(root, report('envoy.json'), { project: 'envoy', minutes: 10, args: [] }),
    env: more,
    skip,
  };
  const model: Suite = {
    name: 'model',
    command: join(root, '.venv/bin/python'),
    args: ['-m', 'pytest', 'scripts/model', '-q', `--junitxml=${report('model.xml')}`],
    timeoutMs: 10 * MINUTE_MS,
    report: { path: report('model.xml'), read: readJunit },
    skip,
  };
  const services = {
    ...vitest(root, report('services.json'), { project: 'services', minutes: 15, args: [] }),
    env: more,
    skip: withoutServices,
    required: ci,
  };
  const e2e = {
    ...vitest(root, report('e2e.json'), { project: 'e2e', minutes: 40, args: [] }),
    env: more,
    skip,
  };
  const clients: Suite = {
    name: 'clients',
    command: process.execPath,
    args: ['test/clients/main.ts', '--report', report('clients.xml')],
    // The first run on a machine installs three Python environments.
    timeoutMs: 25 * MINUTE_MS,
    report: { path: report('clients.xml'), read: readJunit },
    skip,
  };
  const security: Suite = {
    name: 'security',
    command: process.execPath,
    args: ['test/security/main.ts', '--report', report('security.xml')],
    // The first run on a machine installs two Python environments.
    timeoutMs: (full ? 60 : 20) * MINUTE_MS,
    report: { path: report('security.xml'), read: readJunit },
    env: more,
    skip,
  };
  const bench: Suite = {
    name: 'bench',
    command: process.execPath,
    args: ['load-tests/bench/main.ts'],
    timeoutMs: 30 * MINUTE_MS,
    skip,
  };
  const always = [check, unit, envoy, model, services, e2e, clients, security];
  return full ? [...always, bench] : always;
}

function vitest(
  root: string,
  path: string,
  { project, minutes, args }: { project: string; minutes: number; args: readonly string[] },
): Suite {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${path}`];
  return {
    name: project,
    command: process.execPath,
    args: [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--project', project, ...reporters, ...args],
    timeoutMs: minutes * MINUTE_MS,
    report: { path, read: readVitest },
  };
}
