/**
 * Scanners that others wrote, against a running Headgate: its TLS as sslyze sees it, its HTTP surface as schemathesis
 * tries it from the OpenAPI document. `--only NAME` runs one, `--report FILE` writes a JUnit report. E2E_FULL=1 tries
 * many more requests. docs/security.md says what each of them shows.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '@headgate/testkit/root';
import { startStack } from '@headgate/testkit/stack';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { readJunit } from '../../scripts/test/counts.ts';
import { mergeReports } from '../clients/harness/junit.ts';
import { runSuite } from '../clients/harness/run-suite.ts';
import { pythonProblem } from '../clients/harness/suitable.ts';
import type { ClientSuite } from '../clients/harness/suites.ts';

/** 200 requests for each operation take some ten minutes on a machine that does other things too. */
const FULL_MS = 40 * 60_000;

const SUITES: readonly ClientSuite[] = [
  { home: 'test/security', name: 'tls', environment: 'sslyze' },
  {
    home: 'test/security',
    name: 'openapi',
    environment: 'schemathesis',
    ...(process.env.E2E_FULL !== undefined && { timeoutMs: FULL_MS }),
    problem: (python) => pythonProblem(python, 'schemathesis 4.32.5', { from: 11 }),
  },
];

const { values } = parseArgs({
  options: { report: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const { stop: signal } = stopRequests();
const guard = createGuard();
const dir = mkdtempSync(join(tmpdir(), 'headgate-security-'));
const stack = await startStack();
const reports: string[] = [];
try {
  const python = join(ROOT, '.venv/bin/python');
  for (const suite of SUITES.filter(({ name }) => values.only === undefined || values.only.includes(name))) {
    reports.push(await runSuite(suite, { ready: stack.ready, python, dir, modelsDir: '', guard, signal }));
  }
} finally {
  await stack.stop();
  await guard.close();
  rmSync(dir, { recursive: true, force: true });
}
const merged = mergeReports(reports);
if (values.report !== undefined) {
  mkdirSync(dirname(values.report), { recursive: true });
  writeFileSync(values.report, merged);
}
process.exit(readJunit(merged).failed === 0 ? 0 : 1);
