import { deepEqual, equal } from 'node:assert/strict';
import type { ModelsView, ModelVersionView, RolledBack } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { samplePhoto } from '@headgate/testkit/photos';
import { openAirflow } from '../airflow.ts';
import type { Kube } from '../kube.ts';
import { logIn, type Operator } from '../operator.ts';
import type { Context, Scenario } from '../scenario.ts';
import { secret } from '../secrets.ts';
import { killProcess, restartsOf } from './killed.ts';
import { holderOf } from './leader.ts';
import { compareWithTable, PORTS } from './network.ts';
import { keepTable } from './routing.ts';

const MODEL = 'digits';
const DAG = `headgate_retrain_${MODEL}`;
const PHOTO = samplePhoto('digit-7.png');
const LIFECYCLE_PORTS = { mlflow: [5000], airflow: [8080, 8974] };
const DEPLOY_MS = 8 * 60_000;
const TRAINED_MS = 6 * 60_000;
const RELEASED_MS = 4 * 60_000;
const LOADED_MS = 120_000;
const RESTARTED_MS = 60_000;
/** Training shares the two cores. Weights of 10 % need ten units for one. */
const LOAD = { perSecond: 10, unit: (index: number) => `visitor-${index}` };

/** Half of the pictures are ink on paper, which the version in the image of the models does not know. */
const WORKSPACE = `set -e
headgate-pipelines adopt ${MODEL} --models /headgate/models --champion 1
cd /headgate/workspaces && rm -rf ${MODEL} pictures
python3 -m headgate_pipelines.data.digits pictures --last 250
python3 -m headgate_pipelines.data.digits pictures --first 250 --last 500 --invert
headgate-pipelines init ${MODEL} --model ${MODEL} --source pictures
sed -i 's/max_latency_ratio: .*/max_latency_ratio: 100/' ${MODEL}/params.yaml
/opt/airflow/bin/airflow dags reserialize`;

/** Takes the alias away, and waits until control knows: pods without MLflow could not load the version. */
const UNSTAGE = `from mlflow import MlflowClient
from headgate_pipelines.control_client import Control
from headgate_pipelines.deadline import Deadline
from headgate_pipelines.settings import read_settings
MlflowClient().delete_registered_model_alias('${MODEL}', 'staging')
control = Control(read_settings())
aliases = lambda: [alias for version in control.versions('${MODEL}') for alias in version['aliases']]
Deadline(60).until(lambda: True if 'staging' not in aliases() else None, 'no version in staging')`;

/** MLflow and Airflow join the release for the time of the scenario. */
export const lifecycle: Scenario = {
  name: 'lifecycle',
  title:
    'Airflow trains, stages and releases a version that every pod pulls from MLflow, also a restarted one while MLflow is away; a rollback loses nothing',
  withinMs: 25 * 60_000,
  async run(context) {
    const { release, load } = context;
    await deployLifecycle(context);
    await compareWithTable(context, { ...PORTS, ...LIFECYCLE_PORTS });
    const running = load(LOAD);
    await running.answered(20);
    const operator = await logIn(context, (await holderOf(context)) ?? '');
    context.cleanUp((late) => unstage(late, release));
    const version = await releasedByAirflow(context, operator);
    await withoutMlflow(context, operator, version);
    await running.answered(50);
    await rolledBack(context, operator, version);
    await running.answered(50);
    await running.stop();
  },
};

async function deployLifecycle(context: Context): Promise<void> {
  const { kube, release, adminKey, deploy, cleanUp, figure, progress } = context;
  progress('deploying');
  // The test made the API keys, so the deploy program does not know them.
  await kube.apply(secret('headgate-pipelines', { 'admin.key': adminKey, 'tester.key': adminKey }));
  cleanUp((late) => late.kubectl(['delete', 'secret', 'headgate-airflow', 'headgate-pipelines']));
  cleanUp((late) => late.kubectl(['delete', 'configmap', `${release}-rollouts`, '--ignore-not-found']));
  cleanUp(() => deploy([], AbortSignal.timeout(DEPLOY_MS)));
  await keepTable(context);
  const startMs = performance.now();
  await deploy(['--set', 'mlflow.enabled=true', '--set', 'airflow.enabled=true']);
  figure('deployed in', secondsSince(startMs));
}

/** From pictures to the champion, each step as a task of Airflow. A person approves there. @returns the version */
async function releasedByAirflow(context: Context, operator: Operator): Promise<string> {
  const { kube, release, figure, progress } = context;
  progress('making a workspace');
  await kube.kubectl([...inScheduler(release), 'sh', '-c', WORKSPACE], { withinMs: 240_000 });
  progress('training');
  const startMs = performance.now();
  const airflow = await openAirflow(context);
  const run = await airflow.start(DAG);
  await run.until('approve', 'awaiting_input', TRAINED_MS);
  figure('trained, evaluated, registered, staged, tested in', secondsSince(startMs));
  const staged = await everywhere(operator, ({ aliases }) => aliases.includes('candidate'));
  await answers(context, staged.version);
  progress('approved');
  const approvedMs = performance.now();
  await run.approve();
  await run.until('release', 'success', RELEASED_MS);
  figure('released in', secondsSince(approvedMs));
  await everywhere(operator, ({ version, role }) => version === staged.version && role === 'control');
  return staged.version;
}

/** A pod that starts again takes the version from its cache. */
async function withoutMlflow(context: Context, operator: Operator, version: string): Promise<void> {
  const { kube, release, progress } = context;
  progress('MLflow is away');
  await kube.kubectl(['scale', `statefulset/${release}-mlflow`, '--replicas=0']);
  await kube.kubectl(['wait', '--for=delete', `pod/${release}-mlflow-0`, '--timeout=90s'], {
    withinMs: 95_000,
  });
  await restartOne(context);
  await everywhere(operator, (one) => one.version === version && one.role === 'control');
  await answers(context, version);
}

/** One write of the table, MLflow is still away. */
async function rolledBack({ figure }: Context, operator: Operator, version: string): Promise<void> {
  const why = 'the scenario';
  const back = await operator.ask<RolledBack>('POST', `/models/${MODEL}/rollback`, { why });
  deepEqual([back.from, back.to], [version, '1']);
  figure('rolled back in', `${(back.took_ms / 1000).toFixed(2)} s`);
  await everywhere(operator, (one) => one.version === '1' && one.role === 'control');
}

const inScheduler = (release: string) => ['exec', `${release}-airflow-0`, '-c', 'scheduler', '--'];

async function unstage(kube: Kube, release: string): Promise<void> {
  const mlflow = `statefulset/${release}-mlflow`;
  await kube.kubectl(['scale', mlflow, '--replicas=1']);
  await kube.kubectl(['rollout', 'status', mlflow, '--timeout=120s'], { withinMs: 125_000 });
  await kube.kubectl([...inScheduler(release), 'python3', '-c', UNSTAGE], { withinMs: 90_000 });
}

/** The version as control shows it, once each pod has it. */
function everywhere(operator: Operator, fits: (one: ModelVersionView) => boolean): Promise<ModelVersionView> {
  const look = async () => {
    const { models } = await operator.ask<ModelsView>('GET', '/models');
    const found = models.find(({ model }) => model === MODEL)?.versions.find(fits);
    return found !== undefined && found.pods > 0 && found.ready_pods === found.pods && found;
  };
  return eventually(look, { what: `${MODEL} on every pod`, withinMs: LOADED_MS, everyMs: 1000 });
}

/** Each of several requests for the version is answered by it. */
async function answers({ client, adminKey, signal, cleanUp }: Context, version: string): Promise<void> {
  const one = client('http2');
  cleanUp(async () => one.close());
  const path = `/v1/models/${MODEL}/versions/${version}/predict`;
  const headers = { 'content-type': PHOTO.type, [HEADER.apiKey]: adminKey };
  for (let i = 0; i < 12; i++) {
    const { status, text } = await one.post({ path, headers, body: PHOTO.bytes }, signal);
    equal(status, 200, text);
    equal(JSON.parse(text).version, version);
  }
}

/** The kubelet starts the container again in the same pod, whose volumes are still there. */
async function restartOne(context: Context): Promise<void> {
  const { kube, figure } = context;
  const before = await kube.readyPods('inference');
  const [victim] = before;
  if (victim === undefined) throw new Error('no pod of inference is ready');
  const startMs = performance.now();
  await killProcess('inference')(context, victim);
  await kube.whenReady('inference', before.length, {
    fits: (pod) =>
      pod.metadata.uid !== victim.metadata.uid ||
      restartsOf(pod, 'inference') > restartsOf(victim, 'inference'),
    withinMs: RESTARTED_MS,
  });
  figure('restarted without MLflow in', secondsSince(startMs));
}
