import type { KeyRecord } from '@headgate/contracts/keys';
import { keyName } from '@headgate/journal/audit/pseudonyms';
import type { Command } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { keyFileOf, recordOf, updateKeyFile } from './key-file.ts';

interface RevokedKey {
  readonly id: string;
  readonly revoked: 'key' | 'previous';
}

export function addRevoke(keys: Command, around: Surroundings): void {
  keys
    .command('revoke')
    .argument('<id>', 'id of the key')
    .description('have a key refused, for good')
    .option('--previous', 'only the secret before the last rotation, ahead of its time')
    .action(async (id: string, { previous = false }: { previous?: boolean }, command: Command) => {
      const { path, ...installation } = keyFileOf(command, around);
      const result: RevokedKey = { id, revoked: previous ? 'previous' : 'key' };
      const detail = { key: keyName(id), secret: result.revoked };
      await audited({ action: 'keys.revoke', detail }, installation, around, () =>
        updateKeyFile(path, (records) => {
          const record = recordOf(records, id);
          if (!previous) return records.filter((one) => one !== record);
          return records.map((one) => (one === record ? withoutPrevious(record) : one));
        }),
      );
      print(command, around, result, ({ revoked }) =>
        revoked === 'key' ? `key ${id} is revoked` : `the previous secret of key ${id} is revoked`,
      );
    });
}

function withoutPrevious({ previous, ...record }: KeyRecord): KeyRecord {
  if (previous) return record;
  throw new CliError('not_found', `key ${record.id} has no previous secret`, {
    remedy: 'leave --previous out to revoke the key itself',
  });
}
