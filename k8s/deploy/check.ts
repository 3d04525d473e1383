import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { step } from '../../scripts/setup/ui.mjs';
import { refuseConflicts } from './changes.ts';
import { DeployError } from './errors.ts';
import { lookUp } from './images.ts';
import { imagesOf, variableIn, volumeSecret } from './inspect.ts';
import type { Options } from './options.ts';
import { localDir, planRouting, planSecrets, type SecretPlan } from './prepare.ts';
import { findRelease, type ReleaseState } from './release.ts';
import { type Chart, chartOf, type KubernetesObject, type Rendered, readFacts, render } from './rendered.ts';
import type { Run } from './run.ts';
import { type Existing, findNamespace, findTarget, type Target } from './target.ts';

/** Where the release goes, and what is there. */
export interface Place {
  readonly target: Target;
  readonly existing: Existing | undefined;
  readonly state: ReleaseState | undefined;
}

/** What a deployment does, found out before anything is changed. */
export interface Plan extends Place {
  readonly chart: Chart;
  readonly rendered: Rendered;
  readonly workloads: readonly KubernetesObject[];
  readonly secrets: SecretPlan;
  /** Table to create; undefined: there is one. */
  readonly routing: string | undefined;
  /** Name that clients call. */
  readonly host: string;
  /** Secret of the public certificate. */
  readonly tlsSecret: string;
  /** What is classified at the end. */
  readonly photo: string;
}

/** @throws DeployError when the cluster does not answer */
export async function findPlace({ options, programs, ui }: Run): Promise<Place> {
  const target = await findTarget(programs);
  ui.say(
    `${options.environment} → namespace ${programs.namespace} of context ${target.context} (${target.server})`,
  );
  const existing = await findNamespace(programs);
  return { target, existing, state: existing && (await findRelease(programs)) };
}

/** @throws DeployError that names everything that is wrong or missing */
export async function check({ root, options, programs, ui }: Run, place: Place): Promise<Plan> {
  const photo = photoOf(root, options);
  return step(ui, 'checks', async () => {
    const chart = chartOf(root, options, await readFacts(programs));
    const rendered = await render(programs, chart);
    const objects = [...rendered.objects, ...rendered.hooks];
    await refuseMissingImages(objects);
    if (place.state !== undefined && !options.overwrite) await refuseConflicts(programs, rendered);
    const dir = localDir(root, programs.namespace);
    const secrets = await planSecrets(programs, objects, options.environment, dir);
    const routing = await planRouting(programs, root, options, place.state?.good === undefined);
    const workloads = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind));
    return {
      ...place,
      chart,
      rendered,
      workloads,
      secrets,
      routing,
      host: hostOf(rendered.objects),
      tlsSecret: volumeSecret(rendered.objects, 'tls') ?? 'headgate-tls',
      photo,
    };
  });
}

/** @throws DeployError with what makes them */
export async function refuseMissingImages(objects: readonly KubernetesObject[]): Promise<void> {
  const images = imagesOf(objects);
  const verdicts = await Promise.all(images.map((image) => lookUp(image)));
  const missing = images.filter((_, i) => verdicts[i] === 'missing');
  if (missing.length === 0) return;
  const lacks = (image: RegExp) => missing.some((one) => image.test(one));
  const flags = [
    lacks(/\/inference-gpu\b/) ? ' --gpu' : '',
    lacks(/\/(pipelines|airflow)\b/) ? ' --lifecycle' : '',
  ].join('');
  throw new DeployError(
    `the registry does not have:\n  ${missing.join('\n  ')}`,
    `npm run images${flags && ` --${flags}`} builds and pushes them; --images names the file with their digests`,
    3,
  );
}

/** The second is part of the repository; the first comes with the set-up. */
const PHOTOS = ['samples/chelsea.png', 'samples/digit-7.png'];

/** @throws DeployError when a named file does not exist: at the end it would be too late */
function photoOf(root: string, { photo, 'key-file': keyFile }: Options): string {
  const named = [photo, keyFile].flatMap((file) => (file ? [resolve(root, file)] : []));
  const lost = named.find((file) => !existsSync(file));
  if (lost !== undefined) throw new DeployError(`${lost} does not exist`, 'correct --photo or --key-file', 2);
  const candidates = (photo ? [photo] : PHOTOS).map((file) => resolve(root, file));
  return candidates.find((file) => existsSync(file)) ?? candidates[0] ?? '';
}

/** The first of the names that Envoy serves. */
function hostOf(objects: readonly KubernetesObject[]): string {
  const names = variableIn(objects, 'HEADGATE_ENVOY__SERVER_NAMES') ?? '[]';
  const [first = 'localhost'] = JSON.parse(names) as string[];
  return first;
}
