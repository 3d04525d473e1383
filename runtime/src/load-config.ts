import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, configSchema } from '@headgate/contracts/config/schema';
import { parse as parseYaml } from 'yaml';
import { z } from 'zod';

type Tree = { [key: string]: unknown };

export interface LoadOptions {
  /** Directory that holds base.yaml and <environment>.yaml. */
  readonly dir: string;
  readonly environment: string;
  /** Process environment; only HEADGATE_* is looked at. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Thrown when the configuration does not fit; the message lists path, expectation and remedy, never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

const ENVIRONMENTS: readonly string[] = configSchema.shape.environment.options;
const PREFIX = 'HEADGATE_';
/** Read by main.ts, setup or tests themselves; not part of the schema. */
const NOT_CONFIG = new Set([
  'HEADGATE_ENVOY',
  'HEADGATE_PYTHON',
  'HEADGATE_CACHE_DIR',
  'HEADGATE_ENV',
  'HEADGATE_CONFIG_DIR',
  'HEADGATE_ROOT',
]);

/**
 * Merges base, environment layer and HEADGATE_* variables, checks the result as a whole, and freezes it.
 *
 * @throws ConfigError
 */
export function loadConfig({ dir, environment, env }: LoadOptions): Config {
  if (!ENVIRONMENTS.includes(environment)) {
    throw new ConfigError(
      `unknown environment: expected one of ${ENVIRONMENTS.join(', ')} (set HEADGATE_ENV)`,
    );
  }
  const layers = [
    readLayer(join(dir, 'base.yaml')),
    readLayer(join(dir, `${environment}.yaml`)),
    fromEnvironment(env),
  ];
  const merged = layers.reduce<Tree>(merge, { environment });
  const result = configSchema.safeParse(merged);
  if (!result.success) throw new ConfigError(explain(result.error, dir, environment));
  return deepFreeze(result.data);
}

/** The merged configuration with every secret replaced, for printing. */
export function redact(config: Config): unknown {
  return redactNode(configSchema, config);
}

function redactNode(schema: z.ZodType, value: unknown): unknown {
  if (z.globalRegistry.get(schema)?.secret === true) return value === '' ? '' : '(secret)';
  if (schema instanceof z.ZodObject && isTree(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([key, child]) => [key, redactNode(schema.shape[key] as z.ZodType, child)]),
    );
  }
  return value;
}

function readLayer(path: string): Tree {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new ConfigError(
      `${path} cannot be read; create it, or point HEADGATE_CONFIG_DIR at the right folder`,
      { cause },
    );
  }
  try {
    const document: unknown = parseYaml(text) ?? {};
    if (!isTree(document)) throw new TypeError('not a mapping');
    return document;
  } catch (cause) {
    throw new ConfigError(`${path} is not a YAML mapping; correct its syntax`, { cause });
  }
}

/** HEADGATE_GATEWAY__DEADLINE__MAX_MS=5000 becomes { gateway: { deadline: { max_ms: 5000 } } }. */
function fromEnvironment(env: LoadOptions['env']): Tree {
  const tree: Tree = {};
  for (const [name, raw] of Object.entries(env)) {
    if (!name.startsWith(PREFIX) || NOT_CONFIG.has(name) || raw === undefined) continue;
    const path = name.slice(PREFIX.length).toLowerCase().split('__');
    const leaf = path.pop() as string;
    const parent = path.reduce<Tree>((node, key) => {
      const next = Object.hasOwn(node, key) && isTree(node[key]) ? node[key] : {};
      node[key] = next;
      return next;
    }, tree);
    parent[leaf] = scalar(raw);
  }
  return tree;
}

/** Numbers, booleans, null and flow lists as YAML reads them; anything else, an empty text too, stays what it is. */
function scalar(raw: string): unknown {
  try {
    return raw === '' ? raw : parseYaml(raw);
  } catch {
    return raw;
  }
}

/** Later layers win; mappings merge key by key, everything else is replaced whole. */
function merge(base: Tree, layer: Tree): Tree {
  const result: Tree = { ...base };
  for (const [key, value] of Object.entries(layer)) {
    const existing = result[key];
    result[key] = isTree(existing) && isTree(value) ? merge(existing, value) : value;
  }
  return result;
}

function explain(error: z.ZodError, dir: string, environment: string): string {
  const lines = error.issues.map((issue) => {
    const path = issue.path.join('.');
    const variable = `${PREFIX}${issue.path.join('__').toUpperCase()}`;
    if (issue.code === 'unrecognized_keys') {
      return `  ${path || '(top level)'}: unknown key ${issue.keys.join(', ')}; remove it or correct its spelling`;
    }
    return `  ${path}: ${issue.message}; set it in ${join(dir, `${environment}.yaml`)} or as ${variable}`;
  });
  return `the configuration for "${environment}" is not valid:\n${lines.join('\n')}`;
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
