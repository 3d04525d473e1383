import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { credentialKeyFile } from '@headgate/journal/audit/pseudonym';
import type { Command } from 'commander';
import { CliError } from '../errors.ts';
import { globalsOf } from '../print.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';

/** File of the key that stands behind the pseudonym of a credential. */
export function pseudonymKeyFileOf(id: string, command: Command, around: Surroundings): string {
  const { root, config } = findInstallation(around, globalsOf(command).env);
  const { keysDir } = command.optsWithGlobals<{ keysDir?: string }>();
  const dir = keysDir ? resolve(around.cwd, keysDir) : resolve(root, config.audit.keys_dir);
  return join(dir, credentialKeyFile(id));
}

export const KEYS_DIR_OPTION = [
  '--keys-dir <path>',
  'keys of the pseudonyms (default: audit.keys_dir)',
] as const;

/** @throws CliError not_found */
export function readKeyOf(id: string, path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new CliError('not_found', `${id} has no pseudonym`, {
      remedy: 'it was never used, or is erased already; --keys-dir names another directory',
      cause,
    });
  }
}
