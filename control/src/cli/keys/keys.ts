import { resolve } from 'node:path';
import type { Command } from 'commander';
import { globalsOf } from '../print.ts';
import { findInstallation, type Installation, type Surroundings } from '../surroundings.ts';
import { addCreate } from './create.ts';
import { addList } from './list.ts';
import { addRevoke } from './revoke.ts';
import { addRotate } from './rotate.ts';

/** `headgate keys`: the API keys of the gateway, in the file that it reads. */
export function addKeys(program: Command, around: Surroundings): void {
  const keys = program
    .command('keys')
    .description('create, list, rotate and revoke API keys; a running gateway follows within a second')
    .option('--file <path>', 'key file (default: gateway.keys_file of the configuration)');
  for (const add of [addCreate, addList, addRotate, addRevoke]) add(keys, around);
}

/** Where the keys of this installation are. */
export function keyFileOf(command: Command, around: Surroundings): Installation & { readonly path: string } {
  const installation = findInstallation(around, globalsOf(command).env);
  const { file } = command.optsWithGlobals<{ file?: string }>();
  const configured = () => resolve(installation.root, installation.config.gateway.keys_file);
  return { ...installation, path: file === undefined ? configured() : resolve(around.cwd, file) };
}
