import { pseudonym } from '@headgate/journal/audit/pseudonym';
import type { Command } from 'commander';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { KEYS_DIR_OPTION, pseudonymKeyFileOf, readKeyOf } from './key-file.ts';

export function addWhois(audit: Command, around: Surroundings): void {
  audit
    .command('whois')
    .argument('<id>', 'id of a key')
    .description('show the pseudonym under which the logs have it')
    .option(...KEYS_DIR_OPTION)
    .action((id: string, _: unknown, command: Command) => {
      const key = readKeyOf(id, pseudonymKeyFileOf(id, command, around));
      print(command, around, { id, who: pseudonym(key, 'credential', id) }, ({ who }) => who);
    });
}
