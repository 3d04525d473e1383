import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import { ProgramError } from '../run-program.ts';
import { DeployError } from './errors.ts';
import { newImage, type Options } from './options.ts';
import type { Programs } from './programs.ts';

export const RELEASE = 'headgate';
export const CHART = 'k8s/chart';
const IMAGES = 'state/k8s/images.yaml';

/** The part of an object that this program reads. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly data?: Readonly<Record<string, string>>;
}

/** What the chart makes of the values. */
export interface Rendered {
  readonly objects: readonly KubernetesObject[];
  /** Objects of hooks: the migrations. */
  readonly hooks: readonly KubernetesObject[];
}

/** What chooses chart and values, the same for every command of helm. */
export interface Chart {
  readonly args: readonly string[];
  /** Values below all others, which helm reads from its standard input. */
  readonly input: string;
}

/** @throws DeployError when the file of images is missing */
export function chartOf(root: string, options: Options, facts: ClusterFacts): Chart {
  return { args: chartArguments(root, options), input: JSON.stringify(valuesOf(facts)) };
}

/** What only the cluster knows. */
export interface ClusterFacts {
  /** Addresses of the API server's processes, which network policies must name. */
  readonly apiServers: readonly { readonly address: string; readonly port: number }[];
}

export async function readFacts(programs: Programs): Promise<ClusterFacts> {
  const selector = 'kubernetes.io/service-name=kubernetes';
  const { items } = await programs.get<{
    items: { endpoints?: { addresses: string[] }[]; ports?: { port: number }[] }[];
  }>(['endpointslices', '--namespace', 'default', '--selector', selector]);
  const apiServers = items.flatMap(({ endpoints = [], ports = [] }) =>
    endpoints.flatMap(({ addresses }) =>
      addresses.flatMap((address) => ports.map(({ port }) => ({ address, port }))),
    ),
  );
  return { apiServers };
}

function valuesOf({ apiServers }: ClusterFacts): object {
  if (apiServers.length === 0) return {};
  const cidrs = apiServers.map(({ address }) => `${address}/${address.includes(':') ? 128 : 32}`);
  const ports = [443, ...apiServers.map(({ port }) => port)];
  return { networkPolicies: { apiServer: { cidrs: [...new Set(cidrs)], ports: [...new Set(ports)] } } };
}

function chartArguments(root: string, options: Options): string[] {
  const { environment, values, set, images = IMAGES } = options;
  const own = join(root, CHART, `values-${environment}.yaml`);
  const layers = existsSync(own) ? [own] : [];
  const digests = join(root, images);
  if (!existsSync(digests) && !existsSync(images)) {
    throw new DeployError(
      `${images} does not exist: it names the digest of each image`,
      'npm run images builds and pushes them and writes it; or name another file with --images',
      3,
    );
  }
  const files = [...layers, existsSync(digests) ? digests : images, ...values];
  return [
    join(root, CHART),
    ...['--values', '-'],
    ...files.flatMap((file) => ['--values', file]),
    ...['--set', `environment=${environment}`],
    ...set.flatMap((one) => ['--set', one]),
    ...newImage(options.canary),
  ];
}

interface HelmRelease {
  readonly manifest: string;
  readonly hooks?: readonly { readonly manifest: string }[] | null;
}

/** Renders against the cluster, and changes nothing. @throws DeployError that names the path of a wrong value */
export async function render(programs: Programs, { args: chart, input }: Chart): Promise<Rendered> {
  const args = ['upgrade', '--install', RELEASE, ...chart, '--dry-run=server', '--output', 'json'];
  try {
    const release: HelmRelease = JSON.parse(await programs.helm(args, { input }));
    const hooks = (release.hooks ?? []).map(({ manifest }) => manifest).join('\n---\n');
    return {
      objects: parseObjects(release.manifest),
      hooks: parseObjects(hooks),
    };
  } catch (error) {
    if (error instanceof ProgramError) throw explain(error.stderr);
    throw error;
  }
}

/** As kubectl takes it: `deployment/headgate-gateway`. */
export const nameOf = ({ kind, metadata }: KubernetesObject): string =>
  `${kind.toLowerCase()}/${metadata.name}`;

export function parseObjects(manifest: string): KubernetesObject[] {
  return manifest
    .split(/^---$/m)
    .map((text) => parseYaml(text) as KubernetesObject | null)
    .filter((object) => typeof object?.kind === 'string') as KubernetesObject[];
}

/** `- at '/gateway/replicas': got string, want integer`, as Helm's check of the schema words it. */
const SCHEMA = /^- at '([^']*)': (.*)$/;
const NO_FILE = /open (\S+): no such file/;

/** Rewords Helm's message, so that each wrong value has its path. */
export function explain(stderr: string): DeployError {
  const wrong = stderr.split('\n').flatMap((line) => {
    const [, path, problem] = SCHEMA.exec(line.trim()) ?? [];
    return problem === undefined
      ? []
      : [`${(path ?? '').slice(1).replaceAll('/', '.') || 'values'}: ${problem}`];
  });
  const [, file] = NO_FILE.exec(stderr) ?? [];
  const remedy = 'k8s/chart/values.yaml has every value with its meaning; nothing was changed';
  if (wrong.length > 0)
    return new DeployError(`the values are not valid:\n  ${wrong.join('\n  ')}`, remedy, 2);
  if (file !== undefined)
    return new DeployError(`${file} does not exist`, 'correct --values; nothing was changed', 2);
  return new DeployError(
    `the chart cannot be rendered:\n  ${stderr.trim().replaceAll('\n', '\n  ')}`,
    remedy,
    2,
  );
}
