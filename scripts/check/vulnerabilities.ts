import { execFile } from 'node:child_process';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CheckContext, type CheckItem, SkippedCheck } from './item.ts';

const WITHIN_MS = 60_000;
/** Maximum size of a report, in bytes. */
const MAX_REPORT_BYTES = 16 * 1024 * 1024;

/** A package with advisories since 2018: a registry that reports none has no advisory data. */
const KNOWN_BAD = {
  name: 'probe',
  version: '1.0.0',
  lockfileVersion: 3,
  packages: {
    '': { name: 'probe', version: '1.0.0', dependencies: { lodash: '4.17.4' } },
    'node_modules/lodash': { version: '4.17.4' },
  },
};

interface AuditReport {
  readonly vulnerabilities?: Readonly<Record<string, { readonly severity: string }>>;
}

/**
 * `npm audit` of the production packages. A registry without advisories answers "found 0 vulnerabilities", so the
 * check first asks about a known bad package, and trusts only a registry that reports it.
 */
export const vulnerabilityItem: CheckItem = {
  name: 'npm audit',
  run: async (context) => {
    if (!(await knowsAdvisories(context))) {
      throw new SkippedCheck('not answered, the registry has no advisories: this is no clean result', {
        everywhere: true,
      });
    }
    return problemsIn(await audit(context, context.root));
  },
};

/** One line per package of severity high or critical. */
export function problemsIn({ vulnerabilities = {} }: AuditReport): string[] {
  return Object.entries(vulnerabilities)
    .filter(([, { severity }]) => severity === 'high' || severity === 'critical')
    .map(([name, { severity }]) => `${name}: ${severity}; npm audit --omit=dev tells more`);
}

async function knowsAdvisories(context: CheckContext): Promise<boolean> {
  using folder = mkdtempDisposableSync(join(tmpdir(), 'headgate-audit-'));
  const dir = folder.path;
  writeFileSync(join(dir, 'package-lock.json'), JSON.stringify(KNOWN_BAD));
  writeFileSync(join(dir, 'package.json'), JSON.stringify(KNOWN_BAD.packages['']));
  return problemsIn(await audit(context, dir)).length > 0;
}

/** npm ends with 1 when it finds something, so the report counts and not the exit code. */
function audit({ signal }: CheckContext, cwd: string): Promise<AuditReport> {
  return new Promise((resolve) => {
    const options = { cwd, signal, timeout: WITHIN_MS, maxBuffer: MAX_REPORT_BYTES };
    execFile('npm', ['audit', '--json', '--omit=dev'], options, (_error, stdout) => {
      try {
        resolve(JSON.parse(stdout) as AuditReport);
      } catch {
        resolve({});
      }
    });
  });
}
