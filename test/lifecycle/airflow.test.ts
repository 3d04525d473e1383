import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Rollout } from '@headgate/contracts/rollout';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { eventually } from '@headgate/testkit/eventually';
import { ROOT } from '@headgate/testkit/root';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Pipelines, pipelinesFor } from './circle/pipelines.ts';
import { MODEL, type Services, startServices } from './circle/services.ts';
import { labelledImages, startTraffic } from './circle/traffic.ts';
import { startAirflow, type TestAirflow } from './harness/airflow.ts';

/** It takes six minutes on a quiet machine; each wait in it has a limit of its own. */
const WITHIN_MS = 1_800_000;
const dir = mkdtempSync(join(tmpdir(), 'headgate-airflow-'));
let services: Services;
let pipelines: Pipelines;
let airflow: TestAirflow;

beforeAll(async () => {
  if (!process.env.E2E_FULL) return;
  services = await startServices(dir);
  const { stack, mlflow } = services;
  const { signal } = new AbortController();
  pipelines = pipelinesFor({ stack, mlflowUrl: mlflow.url, dir, say: (line) => console.log(line), signal });
  await pipelines.run('adopt', [MODEL, '--models', join(ROOT, 'models'), '--champion', '1']);
  for (const [name, part] of Object.entries({ pictures: ['--last', '300'], users: ['--first', '1500'] }))
    await pipelines.python(['-m', 'headgate_pipelines.data.digits', join(dir, name), ...part, '--invert']);
  await makeWorkspace();
  airflow = await startAirflow(join(dir, 'airflow'), { ...pipelines.env, HEADGATE_WORKSPACES: dir });
}, WITHIN_MS);

afterAll(async () => {
  await airflow?.close();
  await services?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Minutes where the machine does much else, so only `npm run test:full` has it. */
it.runIf(process.env.E2E_FULL)(
  'Airflow brings a version to production with the real commands, and looks for drift',
  async () => {
    const ingest = await airflow.start('headgate_ingest_workspace');
    expect(await ingest.ended()).toEqual({ ingest: 'success' });

    const retrain = await airflow.start('headgate_retrain_workspace');
    await retrain.approve();
    await promote();
    const tasks = ['reproduce', 'register', 'stage', 'approve', 'release'];
    expect(await retrain.ended()).toEqual(Object.fromEntries(tasks.map((task) => [task, 'success'])));

    const images = labelledImages(join(dir, 'users'));
    const traffic = startTraffic({ stack: services.stack, model: MODEL, images, perSecond: 20 });
    await eventually(() => traffic.answered.length >= 80, { what: '80 answers', withinMs: 60_000 });
    await traffic.stop();
    const drift = await airflow.start('headgate_drift_workspace');
    expect(await drift.ended()).toEqual({ check: 'success', retrain: 'skipped' });
  },
  WITHIN_MS,
);

/** With a remote, and rules that 300 digits can keep. */
async function makeWorkspace(): Promise<void> {
  const remote = ['--remote', join(dir, 'remote')];
  await pipelines.run('init', ['--model', MODEL, '--source', join(dir, 'pictures'), ...remote]);
  const file = join(pipelines.workspace, 'params.yaml');
  const params = parseYaml(readFileSync(file, 'utf8')) as Record<string, object>;
  const evaluate = { ...params.evaluate, max_latency_ratio: 1000, max_calibration_error: 1 };
  writeFileSync(file, stringify({ ...params, evaluate, drift: { ...params.drift, min_samples: 50 } }));
}

/** Ends each step of the rollout that the task `release` started. */
async function promote(): Promise<void> {
  const isPromoted = async () => {
    const { rollouts } = await services.ask<{ rollouts: Rollout[] }>('GET', '/rollouts');
    const [rollout] = rollouts;
    if (rollout?.state.kind === 'promoted') return true;
    if (rollout) await services.ask('POST', `/rollouts/${rollout.id}/promote`, { why: 'the test' });
    return false;
  };
  await eventually(isPromoted, { what: 'a promoted version', withinMs: 180_000, everyMs: 500 });
}
