import { ProgramError, type Programs } from './programs.ts';
import type { ReleaseState } from './release.ts';
import { deployedManifest } from './release.ts';
import { type KubernetesObject, parseObjects, RELEASE, type Rendered } from './rendered.ts';

/** `kubectl diff` found differences. */
const DIFFERENT = 1;

/**
 * Differences between what the chart makes and what the cluster has, as `kubectl diff` prints them; empty: none. The
 * API server answers as if everything were applied, so defaults and fields of others do not count.
 *
 * @throws ProgramError when the API server refuses an object
 */
export async function differences(programs: Programs, { objects }: Rendered): Promise<string> {
  const args = ['diff', '--server-side', '--force-conflicts', '--field-manager', 'helm', '-f', '-'];
  try {
    const items = objects.map((object) => asHelmSends(object, programs.namespace));
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    return await programs.kubectl(args, { input });
  } catch (error) {
    if (error instanceof ProgramError && error.code === DIFFERENT && error.stdout !== '') return error.stdout;
    throw error;
  }
}

/** Helm marks each object of a release. */
function asHelmSends(object: KubernetesObject, namespace: string): object {
  const { metadata } = object;
  const annotations = {
    ...metadata.annotations,
    'meta.helm.sh/release-name': RELEASE,
    'meta.helm.sh/release-namespace': namespace,
  };
  const labels = { ...metadata.labels, 'app.kubernetes.io/managed-by': 'Helm' };
  return { ...object, metadata: { ...metadata, annotations, labels } };
}

/** Whether an upgrade has anything to do. */
export async function isUnchanged(
  programs: Programs,
  rendered: Rendered,
  state: ReleaseState | undefined,
): Promise<boolean> {
  if (state?.status !== 'deployed') return false;
  const before = JSON.stringify(parseObjects(await deployedManifest(programs)));
  if (before !== JSON.stringify(rendered.objects)) return false;
  return (await differences(programs, rendered)) === '';
}
