import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createGuard } from '../../scripts/setup/guard.mjs';
import { writeImage } from '../cluster/image.ts';
import { REGISTRY } from '../cluster/layout.ts';
import { buildModule, moduleDir } from '../cluster/programs.ts';
import { sh } from '../cluster/shell.ts';
import type { Kube } from './kube.ts';
import type { Context } from './scenario.ts';

const MODULE = 'github.com/cert-manager/cert-manager@v1.21.2';
const START = { folder: 'cert-manager', packages: ['example.invalid/cert-manager'], ldflags: '' };
const IMAGE = `${REGISTRY}/headgate-test/cert-manager`;
const NAMESPACE = 'cert-manager';
/** Its webhook and injector are no packages that another module can build; no certificate needs them. */
const TEMPLATES = /^(crd-.*|rbac|serviceaccount|deployment)\.yaml$/;
/** The image's user, as of cert-manager's own. */
const USER = '65532';

/**
 * cert-manager's controllers and CRDs with the rights of its chart, in a namespace of their own, until the scenario ends.
 *
 * @param nameserver host:port that the controllers ask for the address of a name
 */
export async function installCertManager(context: Context, nameserver: string): Promise<void> {
  const { kube, cleanUp } = context;
  const manifests = await render(kube, await pushImage(context), nameserver);
  const own = kube.in(NAMESPACE);
  cleanUp(async (later) => {
    const input = { input: manifests, withinMs: 120_000 };
    await later.in(NAMESPACE).kubectl(['delete', '--ignore-not-found', '--wait=false', '-f', '-'], input);
    await later.kubectl(['delete', 'namespace', NAMESPACE, '--ignore-not-found', '--wait=false']);
  });
  await kube.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAMESPACE } });
  await own.kubectl(['apply', '--server-side', '-f', '-'], { input: manifests });
  await own.kubectl(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=30s']);
  await own.rolledOut('cert-manager');
}

/** @returns tag of the image, another one for each version of the program */
async function pushImage({ dir, signal, progress }: Context): Promise<string> {
  const guard = createGuard();
  try {
    progress("building cert-manager's controllers");
    const built = await buildModule(START, { guard, signal, progress });
    const tag = basename(built);
    const archive = join(dir, 'cert-manager.tar');
    await writeImage(`${IMAGE}:${tag}`, join(built, 'cert-manager'), archive, USER);
    await sh(
      'skopeo',
      'copy',
      '--dest-tls-verify=false',
      `docker-archive:${archive}`,
      `docker://${IMAGE}:${tag}`,
    );
    return tag;
  } finally {
    await guard.close();
  }
}

async function render(kube: Kube, tag: string, nameserver: string): Promise<string> {
  const chart = join(await moduleDir(MODULE), 'deploy/charts/cert-manager');
  const templates = readdirSync(join(chart, 'templates')).filter((name) => TEMPLATES.test(name));
  const values = {
    'crds.enabled': 'true',
    'global.leaderElection.namespace': NAMESPACE,
    'image.repository': IMAGE,
    'image.tag': tag,
    'acmesolver.image.repository': IMAGE,
    'acmesolver.image.tag': tag,
    'extraArgs[0]': `--acme-http01-solver-nameservers=${nameserver}`,
  };
  return kube
    .in(NAMESPACE)
    .helm([
      ...['template', 'cert-manager', chart],
      ...templates.flatMap((name) => ['--show-only', `templates/${name}`]),
      ...Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value}`]),
    ]);
}
