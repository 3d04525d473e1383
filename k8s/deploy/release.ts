import { DeployError } from './errors.ts';
import { ProgramError, type Programs } from './programs.ts';
import { RELEASE } from './rendered.ts';

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
  const last = revisions.at(-1);
  if (last === undefined) return undefined;
  const good = revisions.findLast(({ status }) => status === 'deployed')?.revision;
  return { status: last.status, revision: last.revision, good };
}

/**
 * Helm refuses to touch a release whose last change is unfinished. After an ordinary end it is not: an interrupted
 * helm marks it as failed. It stays so after a power cut, or while another deployment runs.
 *
 * @throws DeployError unless `recover`
 */
export async function recover(
  programs: Programs,
  state: ReleaseState | undefined,
  allowed: boolean,
): Promise<void> {
  if (!state?.status.startsWith('pending')) return;
  if (!allowed) {
    throw new DeployError(
      `revision ${state.revision} of the release is unfinished (${state.status}): another deployment runs, or one was killed`,
      'wait for it; if none runs, go on with --recover',
      3,
    );
  }
  // What it has changed stays: the next upgrade applies every object again.
  await programs.kubectl(['delete', 'secret', `sh.helm.release.v1.${RELEASE}.v${state.revision}`]);
}

/** The manifest of the deployed revision, as it was sent. */
export async function deployedManifest(programs: Programs): Promise<string> {
  return programs.helm(['get', 'manifest', RELEASE]);
}

export interface UpgradeOptions {
  readonly overwrite: boolean;
  /** Ends Helm, which then marks the revision as failed. */
  readonly signal: AbortSignal;
}

/** Installs or upgrades, and waits until everything is ready. @throws ProgramError */
export async function upgrade(
  programs: Programs,
  chart: readonly string[],
  { overwrite, signal }: UpgradeOptions,
): Promise<void> {
  const force = overwrite ? ['--force-conflicts'] : [];
  const args = ['upgrade', '--install', RELEASE, ...chart, '--wait', '--timeout', WITHIN, ...force];
  await programs.helm([...args, '--output', 'json'], { withinMs: WITHIN_MS, signal });
}

/** Goes back to a revision and waits until it is ready. */
export async function rollback(programs: Programs, revision: number): Promise<void> {
  const args = ['rollback', RELEASE, String(revision), '--wait', '--timeout', '5m', '--force-conflicts'];
  await programs.helm(args, { withinMs: 6 * 60_000 });
}

/** Removes the release; no effect where there is none. */
export async function uninstall(programs: Programs): Promise<void> {
  const args = ['uninstall', RELEASE, '--ignore-not-found', '--wait', '--timeout', '3m'];
  await programs.helm(args, { withinMs: 4 * 60_000 });
}
