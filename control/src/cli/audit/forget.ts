import { rmSync } from 'node:fs';
import { pseudonym } from '@headgate/journal/audit/pseudonym';
import type { Command } from 'commander';
import { audited } from '../audited.ts';
import { globalsOf, print } from '../print.ts';
import { findInstallation, type Surroundings } from '../surroundings.ts';
import { KEYS_DIR_OPTION, pseudonymKeyFileOf, readKeyOf } from './key-file.ts';

export function addForget(audit: Command, around: Surroundings): void {
  audit
    .command('forget')
    .argument('<id>', 'id of a key')
    .description('destroy what ties the records of a key to it; the logs stay as they are')
    .option(...KEYS_DIR_OPTION)
    .action(async (id: string, _: unknown, command: Command) => {
      const path = pseudonymKeyFileOf(id, command, around);
      const detail = { key: pseudonym(readKeyOf(id, path), 'credential', id) };
      const installation = findInstallation(around, globalsOf(command).env);
      await audited({ action: 'audit.forget', detail }, installation, around, () => rmSync(path));
      print(
        command,
        around,
        { id, forgotten: true },
        () => `${id} is forgotten; remove copies of its key too`,
      );
    });
}
