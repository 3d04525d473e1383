import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '@headgate/contracts/config/schema';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { routingSchema } from '@headgate/contracts/routing';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { parseYaml } from '@headgate/runtime/parse-yaml';
import type { CheckItem } from './item.ts';

const SEEDS = ['config/routing.yaml', 'config/routing.fallback.yaml'];

/** Everything that an operator may change is valid as committed. */
export const configurationItems: readonly CheckItem[] = [
  {
    name: 'configuration layers',
    run: async ({ root }) =>
      configSchema.shape.environment.options.flatMap((environment) =>
        configProblems(join(root, 'config'), environment),
      ),
  },
  {
    name: 'routing seeds',
    run: async ({ root }) => SEEDS.flatMap((seed) => routingProblems(join(root, seed))),
  },
];

/** Reads the files only: variables of the caller's environment must not matter. */
export function configProblems(dir: string, environment: string): string[] {
  try {
    loadConfig({ dir, environment, env: {} });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.message.split('\n');
  }
}

export function routingProblems(path: string): string[] {
  const result = routingSchema.safeParse(parseYaml(readFileSync(path, 'utf8')), IN_WORDS);
  return result.success ? [] : describeIssues(result.error).map((issue) => `${path}: ${issue}`);
}
