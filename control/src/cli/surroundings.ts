import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import { loadConfig } from '@headgate/runtime/load-config';
import type { Command } from 'commander';
import { CliError } from './errors.ts';

/** What a command may touch of the world; tests pass their own. */
export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  out(text: string): void;
  err(text: string): void;
  /** Wall clock in ms since the Unix epoch. */
  nowMs(): number;
  readonly fetch: typeof fetch;
  /** Which streams lead to a person. */
  readonly terminal: { readonly in: boolean; readonly out: boolean; readonly err: boolean };
  /** Shows a question and returns the line that the person answers. */
  ask(question: string): Promise<string>;
  sleep(ms: number): Promise<void>;
}

interface GlobalOptions {
  readonly json?: boolean;
  readonly env?: string;
}

export const globalsOf = (command: Command) => command.optsWithGlobals<GlobalOptions>();

export interface Installation {
  /** Folder that the paths of the configuration are relative to. */
  readonly root: string;
  readonly config: Config;
}

/**
 * The configuration that the servers read too: HEADGATE_ROOT, or the nearest folder upwards that has
 * config/base.yaml; HEADGATE_CONFIG_DIR and HEADGATE_ENV (or --env) as for them.
 *
 * @throws CliError when there is none
 * @throws ConfigError when it is not valid
 */
export function installationOf(command: Command, { env, cwd }: Surroundings): Installation {
  const root = env.HEADGATE_ROOT === undefined ? rootAbove(cwd) : resolve(cwd, env.HEADGATE_ROOT);
  const dir = env.HEADGATE_CONFIG_DIR ?? (root && join(root, 'config'));
  if (dir === undefined) {
    throw new CliError('usage', 'no configuration here or in a folder above', {
      remedy: 'change to the checkout, or set HEADGATE_ROOT to it',
    });
  }
  const config = loadConfig({ dir, environment: globalsOf(command).env ?? env.HEADGATE_ENV ?? 'dev', env });
  return { root: root ?? cwd, config };
}

function rootAbove(folder: string): string | undefined {
  if (existsSync(join(folder, 'config/base.yaml'))) return folder;
  const above = dirname(folder);
  return above === folder ? undefined : rootAbove(above);
}
