import { ProgramError } from '../run-program.ts';
import { BUSY, DeployError } from './errors.ts';
import type { Programs } from './programs.ts';
import { type Chart, type KubernetesObject, nameOf, parseObjects, RELEASE } from './rendered.ts';

/** A step of a release may take this long: pulling a large image onto a new node. */
const WITHIN = '9m';
const WITHIN_MS = 10 * 60_000;

interface Revision {
  readonly revision: number;
  readonly status: string;
}

/** What Helm knows of the release. */
export interface ReleaseState {
  readonly status: string;
  readonly revision: number;
  /** The last revision that was deployed as a whole: where a failed one goes back to. */
  readonly good: number | undefined;
}

/** undefined: there is no release. */
export async function findRelease(programs: Programs): Promise<ReleaseState | undefined> {
  let revisions: Revision[];
  try {
    revisions = JSON.parse(await programs.helm(['history', RELEASE, '--output', 'json']));
  } catch (error) {
    if (error instanceof ProgramError && error.stderr.includes('not found')) return undefined;
    throw error;
  }
  return stateOf(revisions);
}

/** @param revisions the oldest first */
export function stateOf(revisions: readonly Revision[]): ReleaseState | undefined {
  const last = revisions.at(-1);
  if (last === undefined) return undefined;
  const newest = (wanted: string) => revisions.findLast(({ status }) => status === wanted)?.revision;
  // A rollback that failed leaves none that is called deployed; superseded ones were.
  return { status: last.status, revision: last.revision, good: newest('deployed') ?? newest('superseded') };
}

/**
 * Makes a release fit for the next change. Helm refuses to touch one whose last change is unfinished; after Ctrl-C it is
 * not, because an interrupted helm marks it as failed, but after a power cut, or while another deployment runs. A first
 * installation that never finished and serves nothing is removed: to Helm the next one would be an upgrade, whose migrations
 * come before the database. One that serves is upgraded.
 *
 * @returns the state to go on from
 * @throws DeployError unless `allowed`
 */
export async function recover(
  programs: Programs,
  state: ReleaseState | undefined,
  allowed: boolean,
): Promise<ReleaseState | undefined> {
  if (state === undefined) return undefined;
  if (!allowed) refusePending(state);
  const { revision, good } = state;
  if (good === undefined && !(await isServing(programs))) {
    await uninstall(programs);
    return undefined;
  }
  // What it has changed stays: the next upgrade applies every object again.
  if (!isPending(state)) return state;
  await programs.kubectl(['delete', 'secret', recordOf(revision)]);
  return { ...state, revision: revision - 1 };
}

/** Whether a gateway is ready, and so inference. */
async function isServing(programs: Programs): Promise<boolean> {
  const gateway = await programs.find<{ status?: { readyReplicas?: number } }>(
    'deployment',
    `${RELEASE}-gateway`,
  );
  return (gateway?.status?.readyReplicas ?? 0) > 0;
}

const isPending = ({ status }: ReleaseState) => status.startsWith('pending');

/** @throws DeployError when the last change of the release is unfinished */
export function refusePending(state: ReleaseState | undefined): void {
  if (state === undefined || !isPending(state)) return;
  throw new DeployError(
    `revision ${state.revision} of the release is unfinished (${state.status}): another deployment runs, or one was killed`,
    'wait for it; if none runs, go on with --recover',
    BUSY,
  );
}

/** @throws DeployError when the last revision is not `expected`; 0: no release */
export async function refuseMeanwhile(programs: Programs, expected: number): Promise<void> {
  const found = (await findRelease(programs))?.revision ?? 0;
  if (found === expected) return;
  const named = (revision: number) => (revision === 0 ? 'no revision' : `revision ${revision}`);
  throw new DeployError(
    `another deployment has changed the release meanwhile: it has ${named(found)}, and had ${named(expected)}`,
    `look at it: helm history ${RELEASE} --namespace ${programs.namespace}; then run the command again`,
    BUSY,
  );
}

/** The objects of a revision, as they were sent; of the last one, which may have failed, unless it is named. */
export async function sentObjects(programs: Programs, revision?: number): Promise<KubernetesObject[]> {
  const which = revision === undefined ? [] : ['--revision', String(revision)];
  return parseObjects(await programs.helm(['get', 'manifest', RELEASE, ...which]));
}

export interface UpgradeOptions {
  readonly overwrite: boolean;
  /** Ends Helm, which then marks the revision as failed. */
  readonly signal: AbortSignal;
  /** Called once all objects are sent: from then on their state is that of the new revision. */
  readonly onApplied: () => void;
}

const SENT = /Kind=Deployment/;
const WAITING = /msg="waiting for resources"/;

/** Installs or upgrades, and waits until everything is ready. @throws ProgramError */
export async function upgrade(
  programs: Programs,
  { args: chart, input }: Chart,
  { overwrite, signal, onApplied }: UpgradeOptions,
): Promise<void> {
  let isSent = false;
  const onLine = (line: string) => {
    if (SENT.test(line)) isSent = true;
    else if (isSent && WAITING.test(line)) onApplied();
  };
  const force = overwrite ? ['--force-conflicts'] : [];
  const args = ['upgrade', '--install', RELEASE, ...chart, '--wait', '--timeout', WITHIN, ...force];
  await programs.helm([...args, '--debug', '--output', 'json'], {
    withinMs: WITHIN_MS,
    signal,
    input,
    onLine,
  });
}

/** How Helm refuses to bring back an object that is still there. */
const STILL_THERE = /with the name "[^"]*" (not )?found/;

/** Goes back to a revision that served, and waits until it is ready. @throws ProgramError */
export async function rollback(programs: Programs, revision: number): Promise<void> {
  try {
    await rollBackTo(programs, revision);
  } catch (error) {
    if (!(error instanceof ProgramError && STILL_THERE.test(error.stderr))) throw error;
    await forgetSince(programs, revision);
    await rollBackTo(programs, revision);
  }
}

async function rollBackTo(programs: Programs, revision: number): Promise<void> {
  const args = ['rollback', RELEASE, String(revision), '--wait', '--timeout', WITHIN, '--force-conflicts'];
  await programs.helm(args, { withinMs: WITHIN_MS });
}

/**
 * Helm refuses to bring an object back that is still there and that the failed revision did not have. Without the
 * records of the revisions since, it applies all objects of the good one again; what only the later ones had is removed here.
 */
async function forgetSince(programs: Programs, good: number): Promise<void> {
  const wanted = new Set((await sentObjects(programs, good)).map(nameOf));
  const revisions: Revision[] = JSON.parse(await programs.helm(['history', RELEASE, '--output', 'json']));
  const later = revisions.map(({ revision }) => revision).filter((revision) => revision > good);
  const found = await Promise.all(later.map((revision) => sentObjects(programs, revision)));
  const extra = found
    .flat()
    .map(nameOf)
    .filter((name) => !wanted.has(name));
  for (const revision of later) await programs.kubectl(['delete', 'secret', recordOf(revision)]);
  if (extra.length > 0) await programs.kubectl(['delete', '--ignore-not-found', ...new Set(extra)]);
}

/** Where Helm keeps a revision. */
const recordOf = (revision: number) => `sh.helm.release.v1.${RELEASE}.v${revision}`;

const MIGRATE = `app.kubernetes.io/instance=${RELEASE},app.kubernetes.io/component=migrate`;

/**
 * Removes the release; no effect where there is none. Helm leaves the objects of a hook that failed: the next installation
 * would be given up because of its Job.
 */
export async function uninstall(programs: Programs): Promise<void> {
  const args = ['uninstall', RELEASE, '--ignore-not-found', '--wait', '--timeout', '3m'];
  await programs.helm(args, { withinMs: 4 * 60_000 });
  await programs.kubectl(['delete', 'job,configmap,serviceaccount', '-l', MIGRATE, '--ignore-not-found']);
}
