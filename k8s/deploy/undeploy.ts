import { step } from '../../scripts/setup/ui.mjs';
import { ROUTING } from './prepare.ts';
import { uninstall } from './release.ts';
import { RELEASE } from './rendered.ts';
import type { Run } from './run.ts';
import { confirm, findNamespace, findTarget, LABEL, MADE_BY } from './target.ts';

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

/** What is in the namespace, as kind/name. */
export interface Contents {
  /** Made by the command or kept of the release: `--all` removes it. */
  readonly own: readonly string[];
  /** Part of the release or of its hooks, as long as they are there. */
  readonly release: readonly string[];
  /** Of somebody else, such as a Secret that an operator made: it stays, and the namespace with it. */
  readonly foreign: readonly string[];
}

/**
 * Removes the release. Secrets, volumes and the routing table stay and are named, unless `--all` says otherwise; what
 * others made stays in any case.
 */
export async function undeploy({ options, programs, ui }: Run): Promise<void> {
  const target = await findTarget(programs);
  const existing = await findNamespace(programs);
  if (existing === undefined) {
    ui.say(`there is no namespace ${programs.namespace} in context ${target.context}: nothing to remove`);
    return;
  }
  const before = await readContents(programs);
  if (options.all) ui.say(`to remove, beside the release:${asList(before.own)}`);
  await confirm(options, target, existing);
  await step(ui, 'release', () => uninstall(programs));
  const { own, release, foreign } = await readContents(programs);
  const kept = options.all ? foreign : [...own, ...foreign];
  if (options.all) {
    const isOurs = existing.labels[LABEL.madeBy] === MADE_BY && foreign.length === 0;
    const what = isOurs ? [`namespace/${programs.namespace}`] : [...own, ...release];
    await step(ui, isOurs ? what.join() : 'Secrets, volumes, routing table', async () => {
      if (what.length > 0)
        await programs.kubectl(['delete', '--ignore-not-found', ...what], { withinMs: 180_000 });
    });
  }
  if (kept.length > 0) ui.say(`kept${options.all ? ', since others made it' : ''}:${asList(kept)}`);
}

const asList = (names: readonly string[]) => (names.length === 0 ? ' nothing' : `\n  ${names.join('\n  ')}`);

/** `all` is pods and what makes them. */
const KINDS = 'all,secrets,persistentvolumeclaims,configmaps,ingresses';

async function readContents(programs: Run['programs']): Promise<Contents> {
  const { items } = await programs.get<{ items: Named[] }>([KINDS]);
  return sortOut(items);
}

/** @param items of the namespace */
export function sortOut(items: readonly Named[]): Contents {
  const contents = { own: [] as string[], release: [] as string[], foreign: [] as string[] };
  for (const item of items) {
    const owner = ownerOf(item);
    if (owner !== undefined) contents[owner].push(`${item.kind.toLowerCase()}/${item.metadata.name}`);
  }
  return contents;
}

function ownerOf({ kind, metadata: { name, labels = {} } }: Named): keyof Contents | undefined {
  // Kubernetes makes the first in each namespace; the second goes with the release.
  if (name === 'kube-root-ca.crt' || name.startsWith(`sh.helm.release.v1.${RELEASE}.`)) return undefined;
  const isOfRelease = labels['app.kubernetes.io/instance'] === RELEASE;
  if (kind === 'Secret' && labels[LABEL.madeBy] === MADE_BY) return 'own';
  if (kind === 'ConfigMap' && name === ROUTING) return 'own';
  if (kind === 'PersistentVolumeClaim' && isOfRelease) return 'own';
  return isOfRelease ? 'release' : 'foreign';
}
