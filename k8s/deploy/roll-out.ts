import { setTimeout as sleep } from 'node:timers/promises';
import type { Ui } from '../../scripts/setup/ui.mjs';
import type { Plan } from './check.ts';
import type { Run } from './deploy.ts';
import { DeployError } from './errors.ts';
import { isRolledOut } from './pods.ts';
import { ProgramError } from './programs.ts';
import { upgrade } from './release.ts';
import { componentOf, componentsOf, RolloutError, type Snapshot, type Watch, watch } from './rollout.ts';

const EVERY_MS = 300;

/**
 * Lets Helm install or upgrade, shows each part's way to readiness, and gives up early when a pod has a trouble that
 * waiting does not heal.
 *
 * @throws DeployError with the reasons
 */
export async function rollOut({ programs, options, signal, ui }: Run, plan: Plan): Promise<void> {
  const helmStop = new AbortController();
  const watchStop = new AbortController();
  const watching = watch(programs, AbortSignal.any([signal, watchStop.signal]));
  const helm = upgrade(programs, plan.chart, { overwrite: options.overwrite, signal: helmStop.signal });
  const settled = helm.then(
    () => true,
    () => true,
  );
  let isOver = false;
  void settled.then(() => {
    isOver = true;
  });
  const steps = showSteps(ui, watching, componentsOf(plan.workloads), () => isOver);
  try {
    await Promise.race([helm, watching.ended.then(() => helm)]);
    await steps;
  } catch (error) {
    helmStop.abort();
    await settled;
    isOver = true;
    await steps;
    throw signal.aborted ? error : failure(error, watching.latest());
  } finally {
    watchStop.abort();
  }
}

/** One line with its seconds for each part, in the order of their readiness. */
async function showSteps(
  ui: Ui,
  { latest }: Watch,
  components: readonly string[],
  isOver: () => boolean,
): Promise<void> {
  for (const component of components) {
    const task = ui.begin(component);
    for (;;) {
      const snapshot = latest();
      if (snapshot && isReady(snapshot, component)) break;
      if (isOver()) break;
      task.progress(snapshot?.troubles.find((one) => one.component === component)?.text ?? '');
      await sleep(EVERY_MS);
    }
    const snapshot = latest();
    if (isOver() && snapshot && !isReady(snapshot, component)) task.failed();
    else task.done();
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
  return new DeployError(`${error.message}${reasons}`, remedyFor(`${error.message}${reasons}`));
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /exceeded quota/,
    'raise the ResourceQuota of the namespace, or lower replicas and resources in the values',
  ],
  [/image cannot be pulled/, 'check --images, that the nodes reach the registry, and images.pullSecrets'],
  [/violates PodSecurity/, 'the namespace is "restricted": a value of yours asks for more'],
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
