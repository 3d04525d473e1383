import { ProgramError } from '../run-program.ts';
import { DeployError } from './errors.ts';
import type { Programs } from './programs.ts';
import { type ReleaseState, sentObjects } from './release.ts';
import { type KubernetesObject, nameOf, RELEASE, type Rendered } from './rendered.ts';

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
    return await programs.kubectl(args, { input: asList(objects, programs.namespace) });
  } catch (error) {
    if (error instanceof ProgramError && error.code === DIFFERENT && error.stdout !== '') return error.stdout;
    throw error;
  }
}

/** Fields in kubectl's words about a conflict: `.spec.replicas`. */
const FIELD = /using \S+: (\.\S+)|^- (\.\S+)/gm;

/**
 * Lets the API server try the objects: Helm would notice a refused one when others are changed already.
 *
 * @throws DeployError that names objects and fields
 */
export async function refuseConflicts(programs: Programs, { objects }: Rendered): Promise<void> {
  const how = ['--server-side', '--dry-run=server', '--field-manager', 'helm', '--output', 'name'];
  try {
    await programs.kubectl(['apply', ...how, '-f', '-'], { input: asList(objects, programs.namespace) });
  } catch (error) {
    if (!(error instanceof ProgramError)) throw error;
    const taken = error.stdout.split('\n').map((line) => line.replace(/\.[^/]*/, ''));
    const names = objects.map(nameOf).filter((name) => !taken.includes(name));
    const fields = [...error.stderr.matchAll(FIELD)].map(([, first, second]) => first ?? second);
    if (fields.length === 0) throw error;
    throw new DeployError(
      `${names.join(', ')}: somebody else has set ${fields.join(', ')}`,
      'put it into the values, or take it back with --overwrite; nothing was changed',
      2,
    );
  }
}

function asList(objects: readonly KubernetesObject[], namespace: string): string {
  const items = objects.map((object) => asHelmSends(object, namespace));
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
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
  const before = JSON.stringify(await sentObjects(programs));
  if (before !== JSON.stringify(rendered.objects)) return false;
  return (await differences(programs, rendered)) === '';
}
