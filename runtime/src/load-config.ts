import { join } from 'node:path';
import { type Config, configSchema } from '@headgate/contracts/config/schema';
import { inner } from '@headgate/contracts/config/values';
import { flat, IN_WORDS } from '@headgate/contracts/issues';
import { z } from 'zod';
import { fromVariables, isTree, settingMeant, type Tree, variableOf } from './config-variables.ts';
import { placesOf, YamlError } from './parse-yaml.ts';
import { readDocument, textOf } from './read-document.ts';
import { readRegularFileSync } from './read-file.ts';
import { isRemoved } from './removed-settings.ts';

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
  const file = join(dir, `${environment}.yaml`);
  const { tree, names, problems } = fromVariables(env, configSchema);
  const layers = [readLayer(join(dir, 'base.yaml')), readLayer(file)];
  const trees = [...layers.map((layer) => layer.tree), tree];
  const result = configSchema.safeParse(trees.reduce<Tree>(merge, { environment }), IN_WORDS);
  const issues =
    result.error?.issues.flatMap((issue) => flat(issue)).flatMap((issue) => explain(issue, layers, names)) ??
    [];
  const lines = [...problems, ...issues].map((line) => `\n  ${line}`);
  if (!result.success || problems.length > 0) {
    throw new ConfigError(`the configuration for "${environment}" is not valid:${lines.join('')}`);
  }
  return deepFreeze(result.data);
}

/** The merged configuration with every secret replaced, for printing. */
export function redact(config: Config): unknown {
  return redactNode(configSchema, config);
}

/** Name and password in an address. */
const USER_INFO = /(?<=:\/\/)[^/?#]*@/;

function redactNode(schema: z.ZodType, value: unknown): unknown {
  if (z.globalRegistry.get(schema)?.secret === true) return value === '' ? '' : '(secret)';
  if (typeof value === 'string') return value.replace(USER_INFO, '(secret)@');
  const type = inner(schema);
  if (!(type instanceof z.ZodObject) || !isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, redactNode(type.shape[key] as z.ZodType, child)]),
  );
}

/** Every setting with its comments takes a tenth of it. */
const MAX_LAYER_BYTES = 2 ** 18;

/** One file of settings. */
interface Layer {
  readonly path: string;
  readonly text: string;
  readonly tree: Tree;
}

function readLayer(path: string): Layer {
  let bytes: Buffer;
  try {
    bytes = readRegularFileSync(path, { maxBytes: MAX_LAYER_BYTES });
  } catch (cause) {
    throw new ConfigError(
      `${path} cannot be read; create it, or point HEADGATE_CONFIG_DIR at the right folder`,
      { cause },
    );
  }
  try {
    const tree = readDocument(bytes, (document) => document ?? {});
    if (isTree(tree)) return { path, text: textOf(bytes), tree };
  } catch (error) {
    if (error instanceof YamlError) throw new ConfigError(`${path}: ${error.message}; correct its syntax`);
    throw error;
  }
  throw new ConfigError(`${path}: expected a mapping of settings`);
}

/** Later layers win; mappings merge key by key, everything else is replaced whole. */
function merge(base: Tree, layer: Tree): Tree {
  const merged = Object.entries(layer).map(([key, value]) => {
    const existing = Object.hasOwn(base, key) ? base[key] : undefined;
    return [key, isTree(existing) && isTree(value) ? merge(existing, value) : value] as const;
  });
  // Unlike an assignment, this makes `__proto__` a key like any other.
  return Object.fromEntries([...Object.entries(base), ...merged]);
}

/** One line for each problem: path, expectation and remedy. */
function explain(
  issue: z.core.$ZodIssue,
  layers: readonly Layer[],
  variables: ReadonlySet<string>,
): string[] {
  const path = issue.path.join('.') || '(top level)';
  const variable = issue.path
    .map((_, i) => variableOf(issue.path.slice(0, i + 1)))
    .find((name) => variables.has(name));
  if (issue.code !== 'unrecognized_keys') {
    const own = variableOf(issue.path);
    const place = placeIn(layers, issue.path);
    const remedy = place ? `correct it in ${place}` : `set it in ${layers.at(-1)?.path}`;
    return [`${path}: ${issue.message}; ${variable ? `correct ${variable}` : `${remedy}, or as ${own}`}`];
  }
  // What looks like a key there may be part of a secret.
  if (variable) return [`${path}: unknown key in ${variable}; npm run config prints the known ones`];
  return issue.keys.map((key) => {
    const full = [...issue.path, key];
    return `${path}: unknown key ${key} in ${placeIn(layers, full)}; ${remedyOf(full)}`;
  });
}

/** File, line and column of a setting; undefined where no file has it. */
function placeIn(layers: readonly Layer[], path: readonly PropertyKey[]): string | undefined {
  const layer = layers.findLast(({ tree }) => has(tree, path));
  return layer && `${layer.path}, ${placesOf(layer.text, [path])[0]}`;
}

function has(tree: unknown, [key, ...rest]: readonly PropertyKey[]): boolean {
  if (key === undefined) return true;
  const isThere = typeof tree === 'object' && tree !== null && Object.hasOwn(tree, key);
  return isThere && has((tree as Readonly<Record<PropertyKey, unknown>>)[key], rest);
}

function remedyOf(path: readonly PropertyKey[]): string {
  if (isRemoved(path.join('.'))) return 'it is no setting any more: remove it from the files';
  const meant = settingMeant(path, configSchema);
  return meant ? `did you mean ${meant.join('.')}?` : 'remove it or correct its spelling';
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
