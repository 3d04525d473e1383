import { inner } from '@headgate/contracts/config/values';
import { nearest } from '@headgate/contracts/issues';
import { z } from 'zod';
import { isRemoved } from './removed-settings.ts';

export type Tree = { [key: string]: unknown };

/** Settings that come from variables. */
export interface Variables {
  readonly tree: Tree;
  /** Names of the variables in it, in capitals. */
  readonly names: ReadonlySet<string>;
  /** One line for each variable that is not in it, without its value. */
  readonly problems: readonly string[];
}

const PREFIX = 'HEADGATE_';
/** Read by main.ts, setup, the command line or tests themselves; not part of the schema. */
const NOT_CONFIG = new Set([
  'HEADGATE_ENVOY',
  'HEADGATE_PYTHON',
  'HEADGATE_CACHE_DIR',
  'HEADGATE_ENV',
  'HEADGATE_CONFIG_DIR',
  'HEADGATE_ROOT',
  'HEADGATE_API_KEY',
]);

/** Settings of pipelines/, which share a shell with our own programs. */
const OF_PIPELINES = /^HEADGATE_(PIPELINES_|WORKSPACES$)/;

/** What Kubernetes sets in each pod for a Service whose name begins with headgate, for example headgate--gateway. */
const OF_SERVICE = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const isOfKubernetes = (name: string, text: string): boolean =>
  OF_SERVICE.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text));

/** HEADGATE_GATEWAY__DEADLINE__MAX_MS=5000 becomes { gateway: { deadline: { max_ms: 5000 } } }. */
export function fromVariables(
  env: Readonly<Record<string, string | undefined>>,
  schema: z.ZodType,
): Variables {
  const tree: Tree = {};
  const names = new Set<string>();
  const problems: string[] = [];
  // A variable of a whole record comes before those of its members.
  for (const name of Object.keys(env).sort()) {
    const text = env[name];
    if (!name.startsWith(PREFIX) || text === undefined) continue;
    if (NOT_CONFIG.has(name) || OF_PIPELINES.test(name)) continue;
    const path = name.slice(PREFIX.length).toLowerCase().split('__');
    const setting = path.reduce<z.ZodType | undefined>(memberOf, schema);
    if (!setting) {
      if (!isOfKubernetes(name, text)) problems.push(`${name}: ${unknown(path, schema)}`);
      continue;
    }
    const { value, problem } = readValue(setting, text);
    if (problem === undefined) {
      put(tree, path, value);
      names.add(name.toUpperCase());
    } else problems.push(`${name}: ${problem}`);
  }
  return { tree, names, problems };
}

export const variableOf = (path: readonly PropertyKey[]) => `${PREFIX}${path.join('__').toUpperCase()}`;

type Read =
  | { readonly value: unknown; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/** The type of the setting decides, never the look of the text. A problem never quotes the text: it may be a secret. */
function readValue(schema: z.ZodType, text: string): Read {
  const type = inner(schema);
  if (isText(type)) return { value: text };
  if (type instanceof z.ZodObject)
    return { problem: 'a group of settings; set each by a variable of its own' };
  if (text === '') return { problem: 'empty; give it a value or remove it' };
  if (type instanceof z.ZodNumber) {
    const isPlain = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(text);
    return isPlain ? { value: Number(text) } : { problem: 'expected a number in digits, such as 250 or 0.5' };
  }
  if (type instanceof z.ZodBoolean) {
    const isPlain = text === 'true' || text === 'false';
    return isPlain ? { value: text === 'true' } : { problem: 'expected true or false' };
  }
  try {
    return { value: JSON.parse(text) };
  } catch {
    const example = type instanceof z.ZodArray ? '["a", "b"]' : '{"points": 100, "window_s": 60}';
    return { problem: `expected JSON, such as ${example}` };
  }
}

function isText(type: z.ZodType): boolean {
  if (type instanceof z.ZodUnion) return type.options.every((option) => isText(inner(option as z.ZodType)));
  return type instanceof z.ZodString || type instanceof z.ZodEnum || type instanceof z.ZodLiteral;
}

/** The schema of one key of `schema`, as far as it has such a key. */
function memberOf(schema: z.ZodType | undefined, key: string): z.ZodType | undefined {
  const type = schema && inner(schema);
  if (type instanceof z.ZodObject) return Object.hasOwn(type.shape, key) ? type.shape[key] : undefined;
  if (type instanceof z.ZodRecord) return type.valueType as z.ZodType;
  if (type instanceof z.ZodNullable) return memberOf(type.unwrap() as z.ZodType, key);
  if (!(type instanceof z.ZodUnion)) return undefined;
  return type.options.map((option) => memberOf(option as z.ZodType, key)).find(Boolean);
}

function put(tree: Tree, path: readonly string[], value: unknown): void {
  const parent = path.slice(0, -1).reduce<Tree>((node, key) => {
    const next = Object.hasOwn(node, key) && isTree(node[key]) ? node[key] : {};
    node[key] = next;
    return next;
  }, tree);
  parent[path.at(-1) as string] = value;
}

/** The setting that `path` seems to mean, where only one of its names is unknown. */
export function settingMeant(path: readonly PropertyKey[], schema: z.ZodType): string[] | undefined {
  let type: z.ZodType | undefined = schema;
  const names: string[] = [];
  for (const name of path.map(String)) {
    const known: z.ZodType | undefined = memberOf(type, name);
    const isObject: boolean = type !== undefined && inner(type) instanceof z.ZodObject;
    const keys = isObject ? Object.keys((inner(type as z.ZodType) as z.ZodObject).shape) : [];
    const meant = known ? name : nearest(name, keys);
    if (meant === undefined) return undefined;
    names.push(meant);
    type = memberOf(type, meant);
  }
  return names;
}

function unknown(path: readonly string[], schema: z.ZodType): string {
  if (path.some((_, i) => isRemoved(path.slice(0, i + 1).join('.')))) {
    return 'this is no setting any more; remove the variable';
  }
  const meant = settingMeant(path, schema);
  const which = meant ? ` (did you mean ${variableOf(meant)}?)` : '';
  return `no setting has this name${which}; remove it, or correct its spelling (__ between sections)`;
}

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
