import { setTimeout as sleep } from 'node:timers/promises';
import { ProgramError } from '../run-program.ts';
import { isRolledOut, type Pod, refusalOf, type Trouble, troubleOf, type Workload } from './pods.ts';
import type { Programs } from './programs.ts';
import { RELEASE } from './rendered.ts';
import { lastLine } from './target.ts';

const EVERY_MS = 2000;
/** An image may be pulled at the second try, and a quota may be freed by a pod that ends. */
const LASTS_MS = 25_000;
const COMPONENT = 'app.kubernetes.io/component';

/** The order in which parts become ready; what is not named comes last. */
const ORDER = ['postgres', 'redis', 'migrate', 'inference', 'inference-gpu', 'gateway', 'control', 'envoy'];

/** Workloads of the release, and the reasons why some are not ready. */
export interface Snapshot {
  /** When the reading began, on the monotonic clock. */
  readonly atMs: number;
  readonly workloads: readonly Workload[];
  readonly troubles: readonly (Trouble & { readonly component: string })[];
}

/** Reads all at once, so that they fit together. */
export async function readSnapshot(programs: Programs): Promise<Snapshot> {
  const atMs = performance.now();
  const kinds = 'deployments,statefulsets,jobs,replicasets,pods';
  const { items } = await programs.get<{ items: (Workload | Pod)[] }>([
    kinds,
    '-l',
    `app.kubernetes.io/instance=${RELEASE}`,
  ]);
  const of = (...kinds: string[]) => items.filter(({ kind }) => kinds.includes(kind));
  const workloads = of('Deployment', 'StatefulSet', 'Job') as Workload[];
  const sets = of('ReplicaSet') as Workload[];
  const pods = of('Pod') as Pod[];
  const troubles = workloads
    .filter((one) => !isRolledOut(one))
    .flatMap((workload) => {
      const owner = newestSet(workload, sets) ?? workload;
      const own = pods.filter(({ metadata }) => isOwned(metadata, owner)).map(troubleOf);
      return [...refusalOf(workload), ...own.filter((one) => one !== undefined)].map((trouble) => ({
        ...trouble,
        component: componentOf(workload),
      }));
    });
  return { atMs, workloads, troubles };
}

const isOwned = ({ ownerReferences }: Pod['metadata'], { metadata }: Workload) =>
  ownerReferences?.some(({ uid }) => uid === metadata.uid) ?? false;

/** Pods of older ReplicaSets are being replaced: their problems do not matter. */
function newestSet(workload: Workload, sets: readonly Workload[]): Workload | undefined {
  const revision = ({ metadata }: Workload) =>
    Number(metadata.annotations?.['deployment.kubernetes.io/revision'] ?? 0);
  const own = sets.filter(({ metadata }) => isOwned(metadata, workload));
  return own.reduce<Workload | undefined>((a, b) => (a && revision(a) >= revision(b) ? a : b), undefined);
}

/** What has a name and labels, rendered or live. */
interface Labelled {
  readonly metadata: Pick<Workload['metadata'], 'name' | 'labels'>;
}

export const componentOf = ({ metadata }: Labelled): string => metadata.labels?.[COMPONENT] ?? metadata.name;

/** In the order in which they become ready. */
export function componentsOf(workloads: readonly Labelled[]): string[] {
  const rank = (name: string) => (ORDER.indexOf(name) + ORDER.length + 1) % (ORDER.length + 1);
  return [...new Set(workloads.map(componentOf))].sort((a, b) => rank(a) - rank(b));
}

/** Something that waiting does not heal, with the last lines of its log. */
export class RolloutError extends Error {}

export interface Watch {
  /** The newest state; undefined before the first snapshot. */
  readonly latest: () => Snapshot | undefined;
  /** Rejects with RolloutError once a trouble lasts; resolves when `until` is aborted. */
  readonly ended: Promise<void>;
}

const AWAY: Snapshot = {
  ...{ atMs: 0, workloads: [] },
  troubles: [{ component: '', pod: '', text: 'the API server does not answer', isLasting: false }],
};

/** Looks every two seconds until `until` is aborted. @param appliedAtMs when Helm had sent all objects */
export function watch(programs: Programs, until: AbortSignal, appliedAtMs: () => number): Watch {
  let latest: Snapshot | undefined;
  const ended = (async () => {
    const since = new Map<string, number>();
    while (!until.aborted) {
      try {
        latest = await readSnapshot(programs);
        const lasting = lastingIn(newIn(latest, appliedAtMs()), since, performance.now());
        if (lasting) throw new RolloutError(await describe(programs, lasting));
      } catch (error) {
        // The API server may be away for a moment; Helm's own limit decides when that is too long.
        if (!(error instanceof ProgramError) && !until.aborted) throw error;
        latest = AWAY;
      }
      await sleep(EVERY_MS, undefined, { signal: until }).catch(() => undefined);
    }
  })();
  return { latest: () => latest, ended };
}

/** Without troubles of the revision before, which this one may correct: until all is sent, only migrations are new. */
export function newIn(snapshot: Snapshot, appliedAtMs: number): Snapshot {
  if (snapshot.atMs > appliedAtMs) return snapshot;
  return { ...snapshot, troubles: snapshot.troubles.filter(({ component }) => component === 'migrate') };
}

/** A trouble that has been there for some time. @param since when each was first seen, kept from snapshot to snapshot */
export function lastingIn(
  { troubles }: Snapshot,
  since: Map<string, number>,
  nowMs: number,
): Trouble | undefined {
  const lasting = troubles.filter(({ isLasting }) => isLasting);
  const keys = new Set(lasting.map(({ pod }) => pod));
  for (const key of since.keys()) if (!keys.has(key)) since.delete(key);
  for (const key of keys) if (!since.has(key)) since.set(key, nowMs);
  return lasting.find(({ pod }) => nowMs - (since.get(pod) ?? nowMs) >= LASTS_MS);
}

/** The trouble, and the last line of its container's log. */
export async function describe(programs: Programs, { pod, text, container }: Trouble): Promise<string> {
  const line = container === undefined ? '' : await lastLogLine(programs, pod, container);
  return `${pod}: ${text}${line && `; its log ends with: ${line}`}`;
}

async function lastLogLine(programs: Programs, pod: string, container: string): Promise<string> {
  for (const previous of [['--previous'], []]) {
    try {
      const log = await programs.kubectl(['logs', pod, '-c', container, '--tail=3', ...previous]);
      const line = lastLine(log);
      if (line !== '') return line;
    } catch (error) {
      if (!(error instanceof ProgramError)) throw error;
    }
  }
  return '';
}
