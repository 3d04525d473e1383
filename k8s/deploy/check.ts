import type { Run } from './deploy.ts';
import { step } from './deploy.ts';
import { DeployError } from './errors.ts';
import { imagesOf, lookUp } from './images.ts';
import { SECRET_KEYS, type SecretRole } from './local-secrets.ts';
import { planRouting, planSecrets, type SecretPlan } from './prepare.ts';
import { findRelease, type ReleaseState } from './release.ts';
import { type Chart, chartOf, type KubernetesObject, type Rendered, readFacts, render } from './rendered.ts';
import { neededSecrets } from './secrets.ts';
import { type Existing, findNamespace, findTarget, type Target } from './target.ts';

/** What a deployment does, found out before anything is changed. */
export interface Plan {
  readonly target: Target;
  readonly existing: Existing | undefined;
  readonly state: ReleaseState | undefined;
  readonly chart: Chart;
  readonly rendered: Rendered;
  readonly workloads: readonly KubernetesObject[];
  readonly secrets: SecretPlan;
  readonly routing: { readonly text: string; readonly isNew: boolean };
  /** Name that clients call. */
  readonly host: string;
  /** Secret of the public certificate. */
  readonly tlsSecret: string;
}

/** @throws DeployError that names everything that is wrong or missing */
export async function check(run: Run): Promise<Plan> {
  const { root, options, programs, ui } = run;
  const target = await findTarget(programs);
  ui.say(
    `${options.environment} → namespace ${programs.namespace} of context ${target.context} (${target.server})`,
  );
  return step(ui, 'checks', async () => {
    const existing = await findNamespace(programs);
    const state = existing && (await findRelease(programs));
    const chart = chartOf(root, options, await readFacts(programs));
    const rendered = await render(programs, chart);
    const objects = [...rendered.objects, ...rendered.hooks];
    await refuseMissingImages(objects);
    const needed = neededSecrets(objects);
    const secrets = await planSecrets(
      programs,
      needed,
      rolesOf(needed.map(({ name }) => name)),
      options.environment,
    );
    const routing = await planRouting(programs, root, options, state?.good === undefined);
    const workloads = objects.filter(({ kind }) => ['Deployment', 'StatefulSet', 'Job'].includes(kind));
    return {
      target,
      existing,
      state,
      chart,
      rendered,
      workloads,
      secrets,
      routing,
      host: hostOf(rendered.objects),
      tlsSecret: tlsSecretOf(rendered.objects),
    };
  });
}

async function refuseMissingImages(objects: readonly KubernetesObject[]): Promise<void> {
  const images = imagesOf(objects);
  const verdicts = await Promise.all(images.map((image) => lookUp(image)));
  const missing = images.filter((_, i) => verdicts[i] === 'missing');
  if (missing.length === 0) return;
  throw new DeployError(
    `the registry does not have:\n  ${missing.join('\n  ')}`,
    'npm run images builds and pushes them; --images names the file with their digests',
    3,
  );
}

/** A Secret of the usual name, such as headgate-internal-tls for internalTls. */
function rolesOf(names: readonly string[]): ReadonlyMap<string, SecretRole> {
  const roles = Object.keys(SECRET_KEYS) as SecretRole[];
  const kebab = (role: string) =>
    `headgate-${role.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  const byName = new Map(roles.map((role) => [kebab(role), role]));
  return new Map(names.flatMap((name) => (byName.has(name) ? [[name, byName.get(name) as SecretRole]] : [])));
}

/** Of the volume `tls` of Envoy's pods. */
function tlsSecretOf(objects: readonly KubernetesObject[]): string {
  const [, name = 'headgate-tls'] =
    /"name":"tls","secret":\{[^}]*"secretName":"([^"]+)"/.exec(JSON.stringify(objects)) ?? [];
  return name;
}

/** The first of the names that Envoy serves. */
function hostOf(objects: readonly KubernetesObject[]): string {
  const text = JSON.stringify(objects.filter(({ kind }) => kind === 'Deployment'));
  const [, names = '[]'] = /"HEADGATE_ENVOY__SERVER_NAMES","value":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  const [first = 'localhost'] = JSON.parse(JSON.parse(`"${names}"`)) as string[];
  return first;
}
