import type { Command } from 'commander';
import type { Surroundings } from '../surroundings.ts';
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
