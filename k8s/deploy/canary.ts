import { setTimeout as sleep } from 'node:timers/promises';
import { METRIC } from '@headgate/contracts/names';
import { type Sample, samplesOf } from '@headgate/runtime/exposition';
import { ProgramError } from '../run-program.ts';
import { DeployError } from './errors.ts';
import { containersOf, type Pod, type Trouble, troubleOf } from './pods.ts';
import type { Programs } from './programs.ts';
import { type KubernetesObject, nameOf } from './rendered.ts';
import type { Run } from './run.ts';
import { describe } from './watch.ts';

/**
 * Arguments of helm that add the canary to the release as it is, with its values and images.
 *
 * @param objects what the new values make
 * @throws DeployError when the new image differs in more than its digest, or in nothing
 */
export async function canaryStage(
  programs: Programs,
  objects: readonly KubernetesObject[],
): Promise<string[]> {
  const wanted = gatewayImage(objects);
  const live = await programs.find<KubernetesObject>('deployment', 'headgate-gateway');
  const current = live && gatewayImage([live]);
  if (current === undefined) {
    throw new DeployError(
      'there is no gateway yet, so there is nothing to compare a canary with',
      'deploy without --canary',
      2,
    );
  }
  if (wanted === current) throw new DeployError('the gateway has this image already', 'name another one', 2);
  const [name, digest] = wanted?.split('@') ?? [];
  if (name !== current.split('@')[0] || digest === undefined) {
    throw new DeployError(
      `a canary is another digest of ${current.split('@')[0]}, not ${wanted}`,
      'push the image to the same repository',
      2,
    );
  }
  const set = ['gateway.canary.enabled=true', `gateway.canary.image.digest=${digest}`];
  return ['--reset-then-reuse-values', ...set.flatMap((one) => ['--set', one])];
}

/** With the canary alone: its objects come and go. */
const CANARY_NAME = 'headgate-gateway-canary';

/**
 * Lets a canary be the only change: a new configuration or chart would reach all gateways before the canary is judged.
 *
 * @param before objects of the release
 * @param stage objects of the release with the canary
 * @throws DeployError that names the others
 */
export function refuseOthers(before: readonly KubernetesObject[], stage: readonly KubernetesObject[]): void {
  const texts = (objects: readonly KubernetesObject[]) =>
    new Map(objects.map((object) => [nameOf(object), JSON.stringify(object)]));
  const [old, now] = [texts(before), texts(stage)];
  const changed = [...new Set([...old.keys(), ...now.keys()])].filter(
    (name) => !name.endsWith(`/${CANARY_NAME}`) && old.get(name) !== now.get(name),
  );
  if (changed.length === 0) return;
  throw new DeployError(
    `a canary is tried alone, and the chart or the configuration would change ${changed.join(', ')}`,
    'deploy that without --canary first; or use the checkout of the last deployment, with --canary gateway=sha256:…',
    2,
  );
}

interface Spec {
  readonly template: { readonly spec: { readonly containers: readonly { name: string; image: string }[] } };
}

function gatewayImage(objects: readonly KubernetesObject[]): string | undefined {
  const found = objects.find(
    ({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'headgate-gateway',
  );
  const spec = found?.spec as unknown as Spec | undefined;
  return spec?.template.spec.containers.find(({ name }) => name === 'gateway')?.image;
}

const EVERY_MS = 5000;
/** With fewer, an image whose every answer fails could pass. */
const FEWEST_REQUESTS = 20;
/** Failures that are no accident. */
const FEWEST_FAILURES = 3;
/** In addition to the share of the others, which may fail for reasons of the callers or of inference. */
const MORE_FAILURES = 0.01;

export interface Watched {
  readonly canary: Counts;
  readonly others: Counts;
}

export interface Counts {
  readonly requests: number;
  readonly failures: number;
}

/** By the uid of the pod. */
type CountsByPod = ReadonlyMap<string, Counts>;

/**
 * Watches the canary beside the others: that it stays ready, does not restart, and fails no more often.
 *
 * @returns what each answered meanwhile
 * @throws DeployError when it is worse, or got too few requests
 */
export async function watchCanary(
  { programs, signal }: Pick<Run, 'programs' | 'signal'>,
  seconds: number,
  show: (text: string) => void,
): Promise<Watched> {
  const restarts = restartsOf(await podsOf(programs, 'gateway-canary'));
  const first = await countAll(programs, 'gateway-canary');
  const before = await countAll(programs, 'gateway');
  const end = performance.now() + seconds * 1000;
  for (;;) {
    await sleep(Math.max(0, Math.min(EVERY_MS, end - performance.now())), undefined, { signal });
    await refuseTroubled(programs, restarts);
    const canary = difference(await countAll(programs, 'gateway-canary'), first);
    const rest = difference(await countAll(programs, 'gateway'), before);
    show(
      `${canary.requests} requests, ${canary.failures} failed; the others ${rest.requests} and ${rest.failures}`,
    );
    if (isWorse(canary, rest)) {
      throw new DeployError(
        `the canary fails more often: ${canary.failures} of ${canary.requests} requests, the others ${rest.failures} of ${rest.requests}`,
        'the logs of headgate-gateway-canary have the causes; the gateways serve as before',
      );
    }
    if (performance.now() < end) continue;
    refuseUnknown(canary);
    return { canary, others: rest };
  }
}

/** @throws DeployError when nothing can be said of the canary */
export function refuseUnknown({ requests }: Counts): void {
  if (requests >= FEWEST_REQUESTS) return;
  throw new DeployError(
    `the canary got ${requests} requests, too few to judge it (${FEWEST_REQUESTS})`,
    'try while callers send requests, or longer: --canary-seconds',
  );
}

export function isWorse(canary: Counts, rest: Counts): boolean {
  const share = ({ requests, failures }: Counts) => (requests === 0 ? 0 : failures / requests);
  return canary.failures >= FEWEST_FAILURES && share(canary) > share(rest) + MORE_FAILURES;
}

async function refuseTroubled(programs: Programs, restarts: ReadonlyMap<string, number>): Promise<void> {
  for (const pod of await podsOf(programs, 'gateway-canary')) {
    const trouble = troubleOf(pod) ?? restartOf(pod, restarts);
    if (trouble === undefined) continue;
    throw new DeployError(
      `the canary does not stay ready: ${await describe(programs, trouble)}`,
      'the gateways serve as before',
    );
  }
}

const keyOf = ({ metadata }: Pod, container: string) => `${metadata.uid}/${container}`;

/** Restarts by container. */
function restartsOf(pods: readonly Pod[]): ReadonlyMap<string, number> {
  const all = pods.flatMap((pod) =>
    containersOf(pod.status).map(({ name, restartCount }) => [keyOf(pod, name), restartCount] as const),
  );
  return new Map(all);
}

/** A canary that crashed may be ready again at the next look. */
function restartOf(pod: Pod, before: ReadonlyMap<string, number>): Trouble | undefined {
  const again = containersOf(pod.status).find(
    ({ name, restartCount }) => restartCount > (before.get(keyOf(pod, name)) ?? 0),
  );
  if (again === undefined) return undefined;
  const { name: container } = again;
  return { pod: pod.metadata.name, text: `${container} was started again`, isLasting: true, container };
}

async function podsOf(programs: Programs, component: string): Promise<readonly Pod[]> {
  const selector = `app.kubernetes.io/component=${component},app.kubernetes.io/instance=headgate`;
  return (await programs.get<{ items: Pod[] }>(['pods', '-l', selector])).items;
}

/** What `countIn` counts. */
export const COUNTED = new Set([METRIC.httpRequests]);

/** Answers of each pod of a component so far. */
async function countAll(programs: Programs, component: string): Promise<CountsByPod> {
  const pods = (await podsOf(programs, component)).filter((pod) => troubleOf(pod) === undefined);
  const counts = await Promise.all(
    pods.map(async ({ metadata }): Promise<[string, Counts][]> => {
      const samples = await metricsOf(programs, metadata.name);
      return samples === undefined ? [] : [[metadata.uid, countIn(samples)]];
    }),
  );
  return new Map(counts.flat());
}

export function countIn(samples: readonly Sample[]): Counts {
  const sum = (some: readonly Sample[]) => some.reduce((all, { value }) => all + value, 0);
  const failed = samples.filter(({ labels }) => labels.status?.startsWith('5'));
  return { requests: sum(samples), failures: sum(failed) };
}

/** Of the pods that were read both times: one that came or went would count with all that it ever answered. */
function difference(now: CountsByPod, before: CountsByPod): Counts {
  let [requests, failures] = [0, 0];
  for (const [uid, old] of before) {
    const counts = now.get(uid) ?? old;
    requests += Math.max(0, counts.requests - old.requests);
    failures += Math.max(0, counts.failures - old.failures);
  }
  return { requests, failures };
}

/** Read inside the pod: no network policy opens the metrics for this program. */
const READ = `fetch('http://' + process.env.HEADGATE_LISTEN__INTERNAL_HOST + ':8442/metrics').then(async (page) => console.log(await page.text()))`;

/** @returns undefined for a pod that ends just now @throws DeployError when another one cannot be read twice */
async function metricsOf(programs: Programs, pod: string, tries = 2): Promise<Sample[] | undefined> {
  try {
    const page = await programs.kubectl(['exec', pod, '-c', 'gateway', '--', 'node', '-e', READ]);
    return samplesOf(page, COUNTED);
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const found = await programs.find<Pod>('pod', pod);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) return undefined;
    if (tries > 1) return metricsOf(programs, pod, tries - 1);
    throw new DeployError(
      `the canary cannot be judged: the metrics of ${pod} cannot be read: ${error.message}`,
      'the gateways serve as before',
    );
  }
}
