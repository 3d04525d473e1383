import type { Programs } from './programs.ts';
import { sentObjects } from './release.ts';
import type { KubernetesObject } from './rendered.ts';

/** Owns the number of pods from the moment when Helm gives it up until somebody scales. */
const FIELD_MANAGER = 'headgate-replicas';

/**
 * Keeps the number of pods of Deployments that an autoscaler or control takes over. Helm removes the field, which is its
 * own until then, and the API server would put 1 in its place. The last revision may have failed before it was sent, so
 * the good one counts, too.
 */
export async function keepReplicas(
  programs: Programs,
  after: readonly KubernetesObject[],
  good: number | undefined,
): Promise<void> {
  const before = [...(await sentObjects(programs)), ...(await sentObjects(programs, good))];
  for (const name of handedOver(before, after)) {
    const live = await programs.find<{ spec: { replicas: number } }>('deployment', name);
    if (live === undefined) continue;
    const { replicas } = live.spec;
    const partial = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: { replicas } };
    const how = ['--server-side', '--force-conflicts', `--field-manager=${FIELD_MANAGER}`];
    await programs.kubectl(['apply', ...how, '-f', '-'], { input: JSON.stringify(partial) });
  }
}

/** Names of Deployments whose number of pods is in the manifest before and not after. */
export function handedOver(
  before: readonly KubernetesObject[],
  after: readonly KubernetesObject[],
): readonly string[] {
  const names = (objects: readonly KubernetesObject[], isCounted: boolean) =>
    objects
      .filter(({ kind, spec }) => kind === 'Deployment' && (spec?.replicas !== undefined) === isCounted)
      .map(({ metadata }) => metadata.name);
  const counted = names(before, true);
  return names(after, false).filter((name) => counted.includes(name));
}
