import { rmSync } from 'node:fs';
import type { Command } from 'commander';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { KEYS_DIR_OPTION, noSuchKey, pseudonymKeyFileOf } from './key-file.ts';

export function addForget(audit: Command, around: Surroundings): void {
  audit
    .command('forget')
    .argument('<id>', 'id of a key')
    .description('destroy what ties the records of a key to it; the logs stay as they are')
    .option(...KEYS_DIR_OPTION)
    .action((id: string, _: unknown, command: Command) => {
      const path = pseudonymKeyFileOf(id, command, around);
      try {
        rmSync(path);
      } catch (cause) {
        throw noSuchKey(id, cause);
      }
      print(
        command,
        around,
        { id, forgotten: true },
        () => `${id} is forgotten; remove copies of its key too`,
      );
    });
}
