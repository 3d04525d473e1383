import { inner } from '@headgate/contracts/config/values';
import { z } from 'zod';
import { parseYaml } from './parse-yaml.ts';

export type Tree = { [key: string]: unknown };

export const PREFIX = 'HEADGATE_';
/** Read by main.ts, setup or tests themselves; not part of the schema. */
const NOT_CONFIG = new Set([
  'HEADGATE_ENVOY',
  'HEADGATE_PYTHON',
  'HEADGATE_CACHE_DIR',
  'HEADGATE_ENV',
  'HEADGATE_CONFIG_DIR',
  'HEADGATE_ROOT',
]);

/** What Kubernetes sets in each pod for a Service whose name begins with headgate. Settings have two underscores. */
const OF_SERVICE = /_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$/;
const isOfKubernetes = (name: string, text: string): boolean =>
  !name.includes('__') &&
  (OF_SERVICE.test(name) || (name.endsWith('_PORT') && /^(tcp|udp|sctp):\/\//.test(text)));

/** HEADGATE_GATEWAY__DEADLINE__MAX_MS=5000 becomes { gateway: { deadline: { max_ms: 5000 } } }. */
export function fromVariables(env: Readonly<Record<string, string | undefined>>, schema: z.ZodType): Tree {
  const tree: Tree = {};
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || NOT_CONFIG.has(name)) continue;
    if (text === undefined || isOfKubernetes(name, text)) continue;
    const path = name.slice(PREFIX.length).toLowerCase().split('__');
    const value = readValue(path.reduce<z.ZodType | undefined>(memberOf, schema), text);
    const leaf = path.pop() as string;
    const parent = path.reduce<Tree>((node, key) => {
      const next = Object.hasOwn(node, key) && isTree(node[key]) ? node[key] : {};
      node[key] = next;
      return next;
    }, tree);
    parent[leaf] = value;
  }
  return tree;
}

/** The type of the setting decides, never the look of the text. The schema refuses what does not fit. */
function readValue(schema: z.ZodType | undefined, text: string): unknown {
  const type = schema && inner(schema);
  if (type instanceof z.ZodNumber) return text.trim() === '' ? text : Number(text);
  if (type instanceof z.ZodBoolean) return text === 'true' || (text === 'false' ? false : text);
  const isStructured =
    type instanceof z.ZodArray || type instanceof z.ZodRecord || type instanceof z.ZodNullable;
  if (!isStructured) return text;
  try {
    return parseYaml(text);
  } catch {
    return text;
  }
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

export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
