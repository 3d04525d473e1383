/**
 * Clients written for other servers, unmodified, against a running Headgate. `--only NAME` runs one client,
 * `--report FILE` writes a JUnit report. docs/clients.md says what each does; their Python environments are made
 * once per machine, outside of the checkout.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { ROOT } from '@headgate/testkit/root';
import { type OwnedStack, startStack } from '@headgate/testkit/stack';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { stopRequests } from '../../scripts/setup/lifecycle.mjs';
import { readJunit } from '../../scripts/test/counts.ts';
import { mergeReports } from './harness/junit.ts';
import { writeModels } from './harness/models.ts';
import { runSuite } from './harness/run-suite.ts';
import { CLIENT_SUITES } from './harness/suites.ts';

const { values } = parseArgs({
  options: { report: { type: 'string' }, only: { type: 'string', multiple: true } },
});
const suites = CLIENT_SUITES.filter(({ name }) => values.only === undefined || values.only.includes(name));
const { stop: signal } = stopRequests();
const guard = createGuard();
const dir = mkdtempSync(join(tmpdir(), 'headgate-clients-'));
const reports: string[] = [];
let stack: OwnedStack | undefined;
try {
  const { modelsDir, routingFile } = writeModels(dir);
  stack = await startStack({
    env: {
      HEADGATE_ROUTING_FILE: routingFile,
      HEADGATE_INFERENCE__MODELS_DIR: modelsDir,
      HEADGATE_INFERENCE__MODEL_CONTROL: 'explicit',
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: '1',
      // However many cores there are, the run of `patient` takes its time.
      HEADGATE_INFERENCE__EXECUTION__INTRA_OP_THREADS: '1',
    },
  });
  const python = join(ROOT, '.venv/bin/python');
  for (const suite of suites) {
    reports.push(await runSuite(suite, { ready: stack.ready, python, dir, modelsDir, guard, signal }));
  }
} finally {
  await stack?.stop();
  await guard.close();
  rmSync(dir, { recursive: true, force: true });
}
const merged = mergeReports(reports);
if (values.report !== undefined) {
  mkdirSync(dirname(values.report), { recursive: true });
  writeFileSync(values.report, merged);
}
process.exit(readJunit(merged).failed === 0 ? 0 : 1);
