import { equal } from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { ModelsView, ModelVersionView } from '@headgate/contracts/admin/api';
import { HEADER } from '@headgate/contracts/names';
import { eventually, secondsSince } from '@headgate/testkit/eventually';
import { samplePhoto } from '@headgate/testkit/photos';
import type { Kube } from '../kube.ts';
import { logIn, type Operator } from '../operator.ts';
import type { Context, Scenario } from '../scenario.ts';
import { secret } from '../secrets.ts';
import { killProcess, restartsOf } from './killed.ts';
import { holderOf } from './leader.ts';
import { compareWithTable, PORTS } from './network.ts';
import { keepTable } from './routing.ts';

const MODEL = 'digits';
/** Not in the image of the models, so pods have it from MLflow alone. */
const VERSION = '2';
const PHOTO = samplePhoto('digit-7.png');
const LIFECYCLE_PORTS = { mlflow: [5000], airflow: [8080, 8974] };
const DEPLOY_MS = 8 * 60_000;
const LOADED_MS = 120_000;
const RESTARTED_MS = 60_000;

/** A version of the image under its own number and the next one, both into MLflow; the next one to staging. */
const REGISTER = `set -e
rm -rf /tmp/models && mkdir -p /tmp/models && cp -r /headgate/models/${MODEL} /tmp/models/
cp -r /tmp/models/${MODEL}/1 /tmp/models/${MODEL}/${VERSION}
sed -i 's/^version: .*/version: "${VERSION}"/' /tmp/models/${MODEL}/${VERSION}/manifest.yaml
headgate-pipelines adopt ${MODEL} --models /tmp/models
python3 -c "from mlflow import MlflowClient as C; C().set_registered_model_alias('${MODEL}', 'staging', '${VERSION}')"`;

/** Takes the alias away, and waits until control knows. */
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
  title: 'A version of MLflow is served by every pod, and by a restarted one while MLflow is away; 0 fail',
  withinMs: 20 * 60_000,
  async run(context) {
    const { kube, release, load, figure, progress } = context;
    await deployLifecycle(context);
    await compareWithTable(context, { ...PORTS, ...LIFECYCLE_PORTS });
    const running = load();
    await running.answered(20);

    progress('registering');
    const operator = await logIn(context, (await holderOf(context)) ?? '');
    context.cleanUp((late) => unstage(late, release));
    await kube.kubectl([...inScheduler(release), 'sh', '-c', REGISTER], { withinMs: 120_000 });
    const startMs = performance.now();
    await whenEverywhere(operator);
    figure('loaded by every pod after', secondsSince(startMs));
    await answers(context);

    progress('MLflow is away');
    await kube.kubectl(['scale', `statefulset/${release}-mlflow`, '--replicas=0']);
    await kube.kubectl(['wait', '--for=delete', `pod/${release}-mlflow-0`, '--timeout=90s'], {
      withinMs: 95_000,
    });
    await restartOne(context);
    await whenEverywhere(operator);
    await answers(context);
    await running.answered(100);
    await running.stop();
  },
};

const inScheduler = (release: string) => ['exec', `${release}-airflow-0`, '-c', 'scheduler', '--'];

/** Pods without MLflow could not load the version. */
async function unstage(kube: Kube, release: string): Promise<void> {
  const mlflow = `statefulset/${release}-mlflow`;
  await kube.kubectl(['scale', mlflow, '--replicas=1']);
  await kube.kubectl(['rollout', 'status', mlflow, '--timeout=120s'], { withinMs: 125_000 });
  await kube.kubectl([...inScheduler(release), 'python3', '-c', UNSTAGE], { withinMs: 90_000 });
}

async function deployLifecycle(context: Context): Promise<void> {
  const { kube, adminKey, deploy, cleanUp, figure, progress } = context;
  progress('deploying');
  const random = () => randomBytes(32).toString('hex');
  const passwords = JSON.stringify({ admin: random() });
  await kube.apply(
    secret('headgate-airflow', { 'jwt.key': random(), 'secret.key': random(), 'passwords.json': passwords }),
    secret('headgate-pipelines', { 'admin.key': adminKey, 'tester.key': adminKey }),
  );
  cleanUp((late) => late.kubectl(['delete', 'secret', 'headgate-airflow', 'headgate-pipelines']));
  cleanUp(() => deploy([], AbortSignal.timeout(DEPLOY_MS)));
  await keepTable(context);
  const startMs = performance.now();
  await deploy(['--set', 'mlflow.enabled=true', '--set', 'airflow.enabled=true']);
  figure('deployed in', secondsSince(startMs));
}

/** The version as control shows it, once each pod has it. In staging it gets all units. */
function whenEverywhere(operator: Operator): Promise<ModelVersionView> {
  const look = async () => {
    const { models } = await operator.ask<ModelsView>('GET', '/models');
    const found = models
      .find(({ model }) => model === MODEL)
      ?.versions.find(({ version }) => version === VERSION);
    return found?.role === 'control' && found.pods > 0 && found.ready_pods === found.pods && found;
  };
  return eventually(look, { what: `${MODEL}/${VERSION} on every pod`, withinMs: LOADED_MS, everyMs: 1000 });
}

/** Each of several requests for the version is answered by it. */
async function answers({ client, adminKey, signal, cleanUp }: Context): Promise<void> {
  const one = client('http2');
  cleanUp(async () => one.close());
  const path = `/v1/models/${MODEL}/versions/${VERSION}/predict`;
  const headers = { 'content-type': PHOTO.type, [HEADER.apiKey]: adminKey };
  for (let i = 0; i < 12; i++) {
    const { status, text } = await one.post({ path, headers, body: PHOTO.bytes }, signal);
    equal(status, 200, text);
    equal(JSON.parse(text).version, VERSION);
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
