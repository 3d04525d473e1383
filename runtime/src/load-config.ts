import { join } from 'node:path';
import { type Config, configSchema } from '@headgate/contracts/config/schema';
import { inner } from '@headgate/contracts/config/values';
import { flat, IN_WORDS } from '@headgate/contracts/issues';
import { z } from 'zod';
import { fromVariables, isTree, type Tree, variableOf } from './config-variables.ts';
import { parseYaml, YamlError } from './parse-yaml.ts';
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
  const layers = [readLayer(join(dir, 'base.yaml')), readLayer(file), tree];
  const result = configSchema.safeParse(layers.reduce<Tree>(merge, { environment }), IN_WORDS);
  const issues =
    result.error?.issues.flatMap((issue) => flat(issue)).flatMap((issue) => explain(issue, file, names)) ??
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

function readLayer(path: string): Tree {
  let text: string;
  try {
    text = readRegularFileSync(path, { maxBytes: MAX_LAYER_BYTES }).toString();
  } catch (cause) {
    throw new ConfigError(
      `${path} cannot be read; create it, or point HEADGATE_CONFIG_DIR at the right folder`,
      { cause },
    );
  }
  try {
    const document: unknown = parseYaml(text) ?? {};
    if (isTree(document)) return document;
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
function explain(issue: z.core.$ZodIssue, file: string, variables: ReadonlySet<string>): string[] {
  const path = issue.path.join('.') || '(top level)';
  const variable = issue.path
    .map((_, i) => variableOf(issue.path.slice(0, i + 1)))
    .find((name) => variables.has(name));
  if (issue.code !== 'unrecognized_keys') {
    const own = variableOf(issue.path);
    return [
      `${path}: ${issue.message}; ${variable ? `correct ${variable}` : `set it in ${file} or as ${own}`}`,
    ];
  }
  // What looks like a key there may be part of a secret.
  if (variable) return [`${path}: unknown key in ${variable}; npm run config prints the known ones`];
  return issue.keys.map((key) => `${path}: unknown key ${key}; ${remedyOf([...issue.path, key].join('.'))}`);
}

const remedyOf = (path: string) =>
  isRemoved(path)
    ? 'it is no setting any more: remove it from the files'
    : 'remove it or correct its spelling';

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
