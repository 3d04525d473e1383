import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '@headgate/testkit/root';
import { parseAllDocuments } from 'yaml';
import { clusterTools } from '../../../scripts/setup/cluster-tools.ts';
import { createGuard } from '../../../scripts/setup/guard.mjs';

export const CHART = join(ROOT, 'k8s/chart');
export const ENVIRONMENTS = ['dev', 'staging', 'production'] as const;
export type Environment = (typeof ENVIRONMENTS)[number];

/** What tests read of Kubernetes objects; the API server checks the rest. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has a shape of its own
  readonly spec?: any;
  readonly data?: Readonly<Record<string, string>>;
  readonly automountServiceAccountToken?: boolean;
  readonly rules?: readonly Rule[];
}

export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
}

/** Values that an operator gives: `gateway.canary.enabled` → true. */
export type Settings = Readonly<Record<string, unknown>>;

const guard = createGuard();
const tools = clusterTools({ guard, signal: new AbortController().signal });

/** Runs helm in a namespace `shop`. @throws the error of execFile, with `stderr` */
export async function helm(args: readonly string[]): Promise<string> {
  const { helm } = await tools;
  const { stdout } = await promisify(execFile)(helm, args, { maxBuffer: 2 ** 24 });
  return stdout;
}

/** Arguments for the values of an environment, and single ones above them. */
export function valuesOf(environment: Environment, settings: Settings = {}): string[] {
  const names = environment === 'production' ? { 'envoy.serverNames': ['api.acme.org'] } : {};
  const needed = { ...names, 'images.registry': 'registry.acme.org' };
  const single = Object.entries({ ...needed, ...settings }).map(
    ([path, value]) => `${path}=${JSON.stringify(value)}`,
  );
  return ['-f', join(CHART, `values-${environment}.yaml`), ...single.flatMap((one) => ['--set-json', one])];
}

/** The chart's objects. */
export async function render(environment: Environment, settings: Settings = {}): Promise<KubernetesObject[]> {
  const args = ['template', 'headgate', CHART, '--namespace', 'shop', ...valuesOf(environment, settings)];
  const documents = parseAllDocuments(await helm(args), { uniqueKeys: true });
  return documents.map((document) => document.toJS()).filter((object) => object !== null);
}

export function ofKind(
  objects: readonly KubernetesObject[],
  ...kinds: readonly string[]
): KubernetesObject[] {
  return objects.filter(({ kind }) => kinds.includes(kind));
}

/** The one object of a kind and name. */
export function find(objects: readonly KubernetesObject[], kind: string, name: string): KubernetesObject {
  const found = objects.filter((one) => one.kind === kind && one.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} objects ${kind} ${name}`);
  return found[0] as KubernetesObject;
}

export const COMPONENT = 'app.kubernetes.io/component';
export const componentOf = ({ metadata }: Pick<KubernetesObject, 'metadata'>) =>
  metadata.labels[COMPONENT] ?? '';

/** True when a LabelSelector chooses an object with these labels. */
export function selects(
  {
    matchLabels = {},
    matchExpressions = [],
  }: {
    readonly matchLabels?: Readonly<Record<string, string>>;
    readonly matchExpressions?: readonly { readonly key: string; readonly values: readonly string[] }[];
  },
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, values }) => values.includes(labels[key] ?? ''))
  );
}
