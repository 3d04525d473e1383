import { setTimeout as sleep } from 'node:timers/promises';
import type { Ui } from '../../scripts/setup/ui.mjs';
import { ProgramError } from '../run-program.ts';
import type { Plan } from './check.ts';
import { BUSY, DeployError } from './errors.ts';
import { isRolledOut } from './pods.ts';
import { upgrade } from './release.ts';
import type { Run } from './run.ts';
import { componentOf, componentsOf, RolloutError, type Snapshot, type Watch, watch } from './watch.ts';

const EVERY_MS = 300;

/** How far Helm is. */
interface Progress {
  /** When all objects were sent, on the monotonic clock: what was seen before is the old state. */
  appliedAtMs: number;
  isOver: boolean;
  isFailed: boolean;
}

/**
 * Lets Helm install or upgrade, shows each part's way to readiness, and gives up early when a pod has a trouble that
 * waiting does not heal.
 *
 * @throws DeployError with the reasons
 */
export async function rollOut({ programs, options, signal, ui }: Run, plan: Plan): Promise<void> {
  const helmStop = new AbortController();
  const watchStop = new AbortController();
  const progress: Progress = { appliedAtMs: Number.POSITIVE_INFINITY, isOver: false, isFailed: false };
  const until = AbortSignal.any([signal, watchStop.signal]);
  const watching = watch(programs, until, () => progress.appliedAtMs);
  const onApplied = () => {
    progress.appliedAtMs = performance.now();
  };
  const helm = upgrade(programs, plan.chart, {
    overwrite: options.overwrite,
    signal: helmStop.signal,
    onApplied,
  });
  const steps = showSteps(ui, watching, plan, progress);
  try {
    await Promise.race([helm, watching.ended.then(() => helm)]);
    progress.isOver = true;
    await steps;
  } catch (error) {
    progress.isFailed = true;
    helmStop.abort();
    await Promise.allSettled([helm, steps]);
    throw signal.aborted ? error : failure(error, watching.latest());
  } finally {
    watchStop.abort();
  }
}

/**
 * One line with its seconds for each part. Helm runs the migrations before it sends the objects, or, where the database
 * is one of them and new, after everything is ready.
 */
async function showSteps(ui: Ui, { latest }: Watch, plan: Plan, progress: Progress): Promise<void> {
  const isApplied = () => progress.appliedAtMs < performance.now();
  const isOver = () => progress.isOver;
  const parts = componentsOf(plan.workloads.filter(({ kind }) => kind !== 'Job'));
  const hasJobs = plan.workloads.some(({ kind }) => kind === 'Job');
  const ready = (name: string) => () => {
    const snapshot = latest();
    return snapshot !== undefined && snapshot.atMs > progress.appliedAtMs && isReady(snapshot, name);
  };
  const steps: [string, () => boolean][] = [
    [hasJobs && plan.state?.good !== undefined ? 'migrations, objects' : 'objects', isApplied],
    ...parts.map((name): [string, () => boolean] => [name, ready(name)]),
    ['release', isOver],
  ];
  for (const [title, isDone] of steps) {
    const task = ui.begin(title);
    while (!isDone() && !isOver() && !progress.isFailed) {
      const troubles = latest()?.troubles ?? [];
      task.progress((troubles.find(({ component }) => component === title) ?? troubles[0])?.text ?? '');
      await sleep(EVERY_MS);
    }
    if (progress.isFailed) return task.failed();
    task.done();
  }
}

function isReady({ workloads }: Snapshot, component: string): boolean {
  const own = workloads.filter((one) => componentOf(one) === component);
  return own.length > 0 && own.every(isRolledOut);
}

function failure(error: unknown, snapshot: Snapshot | undefined): unknown {
  if (error instanceof RolloutError) return new DeployError(error.message, remedyFor(error.message));
  if (!(error instanceof ProgramError)) return error;
  const reasons = (snapshot?.troubles ?? []).map(({ pod, text }) => `\n  ${pod}: ${text}`).join('');
  const code = OTHER_HELM.test(error.stderr) ? BUSY : 1;
  return new DeployError(`${error.message}${reasons}`, remedyFor(`${error.message}${reasons}`), code);
}

/** How Helm refuses to begin while another one works on the release. */
const OTHER_HELM = /another operation .* is in progress|cannot re-?use a name|release: already exists/;

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [OTHER_HELM, 'another deployment runs, or was killed: wait for it; if none runs, go on with --recover'],
  [
    /exceeded quota/,
    'raise the ResourceQuota of the namespace, or lower replicas and resources in the values',
  ],
  [/image cannot be pulled/, 'check --images, that the nodes reach the registry, and images.pullSecrets'],
  [/violates PodSecurity/, 'the namespace is "restricted": one of your values asks for more'],
  [/no node takes it/, 'add nodes, or lower resources, nodeSelector and replicas in the values'],
  [
    /conflict/,
    'somebody changed these fields by hand: put them into the values, or take them back with --overwrite',
  ],
  [/more memory than its limit/, 'raise resources.limits.memory of this part'],
  [/its log ends/, 'the line of the log says what this part lacks; docs/production.md has the list'],
];

function remedyFor(text: string): string {
  return (
    REMEDIES.find(([pattern]) => pattern.test(text))?.[1] ??
    'docs/deploy.md (Troubleshooting) goes through the causes'
  );
}
