import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseRouting } from '@headgate/contracts/routing';
import { readDocument, textOf as textOfFile } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import { DeployError } from './errors.ts';
import { neededSecrets } from './inspect.ts';
import {
  hasPipelineKeys,
  LOCAL_SECRETS,
  type LocalContext,
  roleOf,
  SECRET_KEYS,
  type SecretRole,
} from './local-secrets.ts';
import type { Environment, Options } from './options.ts';
import type { Programs } from './programs.ts';
import type { KubernetesObject } from './rendered.ts';
import { type Existing, LABEL, MADE_BY } from './target.ts';

export const ROUTING = 'headgate-routing';
const SEED = 'config/routing.yaml';

/** Something that this run has made, and removes if the first deployment fails. */
export interface Made {
  readonly kind: string;
  readonly name: string;
}

/** How each missing Secret is made by hand: docs/deploy.md. */
const HOW = 'docs/deploy.md (Secrets) shows how to make each';

/** Where Helm keeps its revisions: large, and nothing that a pod reads. */
const HELM_RECORD = 'helm.sh/release.v1';
/** Secrets that have the address of a service, unless the release has that service: only then they are made. */
const SERVICES: Partial<Record<SecretRole, string>> = {
  redis: 'headgate-redis',
  postgres: 'headgate-postgres',
  airflow: 'headgate-postgres',
};
const KEYS = 'headgate-keys';

/** A Secret to make, and its role in Headgate. */
interface MissingSecret {
  readonly name: string;
  readonly role: SecretRole;
}
export type SecretPlan = readonly MissingSecret[];

interface Found {
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * Looks which Secrets are there. Production must have them all; elsewhere Redis and PostgreSQL must be those of the
 * release, or have theirs, and the pipelines get API keys that an earlier run, or this one, keeps.
 *
 * @param dir of what a test installation keeps in clear
 * @returns those to make, in the order of Helm: the API keys of a Deployment before those of Airflow's StatefulSet
 * @throws DeployError that names what is missing
 */
export async function planSecrets(
  programs: Programs,
  objects: readonly KubernetesObject[],
  environment: Environment,
  dir: string,
): Promise<SecretPlan> {
  const { items } = await programs.get<{ items: Found[] }>([
    ...['secrets', '--field-selector', `type!=${HELM_RECORD}`],
  ]);
  const there = new Map(items.map(({ metadata, data = {} }) => [metadata.name, data]));
  const needed = neededSecrets(objects);
  const services = objects.filter(({ kind }) => kind === 'StatefulSet').map(({ metadata }) => metadata.name);
  const makesKeys = !there.has(KEYS) && needed.some(({ name }) => name === KEYS);
  const isMade = (role: SecretRole) => {
    const service = SERVICES[role];
    if (environment === 'production' || (service && !services.includes(service))) return false;
    return role !== 'pipelines' || makesKeys || hasPipelineKeys(dir, textOf(there.get(KEYS)?.['keys.yaml']));
  };
  const lacking: string[] = [];
  const missing: MissingSecret[] = [];
  for (const { name, keys } of needed) {
    const role = roleOf(name);
    const wanted = [...new Set([...keys, ...(role ? SECRET_KEYS[role] : [])])];
    const data = there.get(name);
    const found = data && Object.keys(data);
    if (found === undefined && role && isMade(role)) missing.push({ name, role });
    else if (found === undefined) lacking.push(`Secret ${name} with ${wanted.join(', ') || 'its keys'}`);
    else
      lacking.push(
        ...wanted.filter((key) => !found.includes(key)).map((key) => `key ${key} in the Secret ${name}`),
      );
  }
  if (lacking.length > 0) {
    throw new DeployError(
      `namespace ${programs.namespace} lacks:\n  ${lacking.join('\n  ')}`,
      environment === 'production'
        ? HOW
        : `${HOW}; a Redis and a PostgreSQL for tests come with --set devServices.enabled=true`,
      3,
    );
  }
  return missing;
}

const textOf = (base64 = ''): string => Buffer.from(base64, 'base64').toString();

/**
 * Makes the namespace with its labels. One that is there keeps the labels that it has, and others may live in it: its Pod
 * Security warns of their pods and refuses none.
 */
export async function ensureNamespace(
  programs: Programs,
  { environment, namespace }: Options,
  existing: Existing | undefined,
): Promise<Made[]> {
  const modes = existing ? ['audit', 'warn'] : ['enforce', 'audit', 'warn'];
  const levels = modes.map((mode) => [`pod-security.kubernetes.io/${mode}`, 'restricted']);
  const own = existing ? {} : { [LABEL.madeBy]: MADE_BY };
  const wanted = { ...Object.fromEntries(levels), [LABEL.environment]: environment, ...own };
  const names = Object.keys(wanted).filter(
    (name) => name === LABEL.environment || !(name in (existing?.labels ?? {})),
  );
  const labels = Object.fromEntries(names.map((name) => [name, wanted[name]]));
  if (existing && names.every((name) => existing.labels[name] === wanted[name])) return [];
  if (existing) {
    const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
    await programs.kubectl(['label', '--overwrite', 'namespace', namespace, ...pairs]);
    return [];
  }
  await create(programs, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
  return [{ kind: 'namespace', name: namespace }];
}

export async function makeSecret(
  programs: Programs,
  { name, role }: MissingSecret,
  context: LocalContext,
): Promise<Made> {
  const stringData = await LOCAL_SECRETS[role](context);
  const type = role === 'tls' ? 'kubernetes.io/tls' : 'Opaque';
  const metadata = { name, labels: { [LABEL.madeBy]: MADE_BY } };
  await create(programs, { apiVersion: 'v1', kind: 'Secret', metadata, type, stringData });
  return { kind: 'secret', name };
}

/**
 * The routing table of the cluster, or the one to create. It belongs to operators and control, so it is never changed
 * here (decision 0015). One that was deleted while Headgate serves is not replaced by the seed: its weights are lost.
 *
 * @returns the table to create; undefined: there is one
 * @throws DeployError
 */
export async function planRouting(
  programs: Programs,
  root: string,
  options: Options,
  isFresh: boolean,
): Promise<string | undefined> {
  if (await programs.find('configmap', ROUTING)) return undefined;
  const { environment, routing } = options;
  if (routing === undefined && !isFresh) {
    throw new DeployError(
      `the ConfigMap ${ROUTING} was deleted; running pods serve the last table until they restart`,
      `create it with the table that you want: --routing FILE (${SEED} is the first one)`,
      3,
    );
  }
  if (routing === undefined && environment === 'production') {
    throw new DeployError(
      `there is no ConfigMap ${ROUTING}`,
      `copy ${SEED}, name your models and their weights, and pass it with --routing FILE`,
      3,
    );
  }
  const file = resolve(root, routing ?? SEED);
  return readRouting(file);
}

/** The table that is in force. It may change at any time. @throws ProgramError */
export async function readTable(programs: Programs): Promise<string> {
  const { data } = await programs.get<{ data?: Record<string, string> }>(['configmap', ROUTING]);
  return data?.['routing.yaml'] ?? '';
}

function readRouting(file: string): string {
  if (!existsSync(file)) throw new DeployError(`${file} does not exist`, 'correct --routing', 2);
  const bytes = readFileSync(file);
  try {
    readDocument(bytes, parseRouting);
    return textOfFile(bytes);
  } catch (error) {
    throw new DeployError(
      `${file} is no valid routing table: ${issuesOf(error).join('; ')}`,
      'correct it',
      2,
    );
  }
}

export async function makeRouting(programs: Programs, text: string): Promise<Made> {
  const labels = { 'app.kubernetes.io/name': 'headgate', 'app.kubernetes.io/part-of': 'headgate' };
  const metadata = { name: ROUTING, labels };
  await create(programs, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'routing.yaml': text } });
  return { kind: 'configmap', name: ROUTING };
}

/** Folder of what a test installation keeps in clear. */
export const localDir = (root: string, namespace: string): string => join(root, 'state/k8s', namespace);

const MANAGER = ['--field-manager', MADE_BY];

/** Through the standard input: a Secret is on no command line and in no file. */
function create(programs: Programs, object: object): Promise<string> {
  return programs.kubectl(['create', ...MANAGER, '-f', '-'], { input: JSON.stringify(object) });
}
