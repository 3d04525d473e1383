import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { configSchema } from '@headgate/contracts/config/schema';
import { parseRouting } from '@headgate/contracts/routing';
import { ConfigError, loadConfig } from '@headgate/runtime/load-config';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
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
  try {
    readDocument(readFileSync(path), parseRouting);
    return [];
  } catch (error) {
    return issuesOf(error).map((issue) => `${path}: ${issue}`);
  }
}
