import type { Run } from './deploy.ts';
import { step } from './deploy.ts';
import { ROUTING } from './prepare.ts';
import { uninstall } from './release.ts';
import { RELEASE } from './rendered.ts';
import { confirm, findNamespace, findTarget, LABEL, MADE_BY } from './target.ts';

interface Named {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
}

/** Removes the release. Secrets, volumes and the routing table stay and are named, unless `--all` says otherwise. */
export async function undeploy({ options, programs, ui }: Run): Promise<void> {
  const target = await findTarget(programs);
  const existing = await findNamespace(programs);
  if (existing === undefined) {
    ui.say(`there is no namespace ${programs.namespace} in context ${target.context}: nothing to remove`);
    return;
  }
  await confirm(options, target, existing);
  await step(ui, 'release', () => uninstall(programs));
  const left = await leftOver(programs);
  if (!options.all) {
    if (left.length > 0) ui.say(`kept; --all removes them too:\n  ${left.join('\n  ')}`);
    return;
  }
  const isOurs = existing.labels[LABEL.madeBy] === MADE_BY;
  await step(ui, isOurs ? `namespace ${programs.namespace}` : 'Secrets, volumes, routing table', async () => {
    const what = isOurs ? [`namespace/${programs.namespace}`] : left;
    if (what.length > 0)
      await programs.kubectl(['delete', '--ignore-not-found', ...what], { withinMs: 180_000 });
  });
}

/** What belongs to Headgate and not to the release, as kind/name. */
async function leftOver(programs: Run['programs']): Promise<string[]> {
  const { items } = await programs.get<{ items: Named[] }>(['secrets,persistentvolumeclaims,configmaps']);
  const isOurs = ({ kind, metadata }: Named) => {
    if (kind === 'PersistentVolumeClaim') return metadata.labels?.['app.kubernetes.io/instance'] === RELEASE;
    if (kind === 'ConfigMap') return metadata.name === ROUTING;
    return metadata.name.startsWith(`${RELEASE}-`);
  };
  return items.filter(isOurs).map(({ kind, metadata }) => `${kind.toLowerCase()}/${metadata.name}`);
}
