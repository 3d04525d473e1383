import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Config, configSchema } from '@headgate/contracts/config/schema';
import { inner } from '@headgate/contracts/config/values';
import { z } from 'zod';
import { fromVariables, isTree, PREFIX, type Tree } from './config-variables.ts';
import { parseYaml, YamlError } from './parse-yaml.ts';
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
  const layers = [
    readLayer(join(dir, 'base.yaml')),
    readLayer(join(dir, `${environment}.yaml`)),
    fromVariables(env, configSchema),
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
  const type = inner(schema);
  if (!(type instanceof z.ZodObject) || !isTree(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => [key, redactNode(type.shape[key] as z.ZodType, child)]),
  );
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
    if (isTree(document)) return document;
  } catch (error) {
    if (error instanceof YamlError) throw new ConfigError(`${path}: ${error.message}; correct its syntax`);
    throw error;
  }
  throw new ConfigError(`${path}: expected a mapping of settings`);
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
  const lines = error.issues.flatMap((issue) => {
    const path = issue.path.join('.');
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map(
        (key) => `  ${path || '(top level)'}: unknown key ${key}; ${remedy([...issue.path, key])}`,
      );
    }
    return `  ${path}: ${issue.message}; set it in ${join(dir, `${environment}.yaml`)} or as ${variableOf(issue.path)}`;
  });
  return `the configuration for "${environment}" is not valid:\n${lines.join('\n')}`;
}

const variableOf = (path: readonly PropertyKey[]) => `${PREFIX}${path.join('__').toUpperCase()}`;

function remedy(path: readonly PropertyKey[]): string {
  if (!isRemoved(path.join('.'))) return 'remove it or correct its spelling';
  return `it is a constant now: remove it from the files and from the variables (${variableOf(path)})`;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
