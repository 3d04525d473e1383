import type { KeyRecord } from '@headgate/contracts/keys';
import { keyName } from '@headgate/journal/audit/pseudonyms';
import { type Command, Option } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { instant, parseDuration } from './duration.ts';
import { keyFileOf, recordOf, updateKeyFile } from './key-file.ts';
import { type NewSecret, newSecret } from './secret.ts';

const DEFAULT_OVERLAP = '24h';

interface RotateOptions {
  /** ms */
  readonly overlap: number;
  readonly dropPrevious?: boolean;
}

interface RotatedKey {
  readonly id: string;
  readonly key: string;
  /** The secret before is accepted until then; null: it is not accepted any more. */
  readonly previous_not_after: string | null;
}

export function addRotate(keys: Command, around: Surroundings): void {
  keys
    .command('rotate')
    .argument('<id>', 'id of the key')
    .description(
      'give a key a new secret; id, quotas and variants stay, and the old secret works for a while',
    )
    .addOption(
      new Option('--overlap <duration>', 'how long the old secret works')
        .argParser(parseDuration)
        .default(parseDuration(DEFAULT_OVERLAP), DEFAULT_OVERLAP),
    )
    .option('--drop-previous', 'end the overlap of the rotation before, if it still lasts')
    .action(async (id: string, options: RotateOptions, command: Command) => {
      const { path, ...installation } = keyFileOf(command, around);
      const secret = newSecret(id);
      let rotated: KeyRecord | undefined;
      const detail = { key: keyName(id) };
      await audited({ action: 'keys.rotate', detail }, installation, around, () =>
        updateKeyFile(path, (records) => {
          const record = recordOf(records, id);
          const next = rotate(record, secret, options, around.nowMs());
          rotated = next;
          return records.map((one) => (one === record ? next : one));
        }),
      );
      const previous_not_after = rotated?.previous?.not_after ?? null;
      print<RotatedKey>(command, around, { id, key: secret.key, previous_not_after }, inWords);
    });
}

function inWords({ id, key, previous_not_after }: RotatedKey): string {
  const old = previous_not_after === null ? 'is refused now' : `works until ${previous_not_after}`;
  return [`key ${id} has a new secret; the old one ${old}. It is shown this once:`, `  ${key}`].join('\n');
}

function rotate(record: KeyRecord, { sha256 }: NewSecret, options: RotateOptions, nowMs: number): KeyRecord {
  const { previous, ...rest } = record;
  if (record.not_after !== undefined && Date.parse(record.not_after) <= nowMs) {
    throw new CliError('conflict', `key ${record.id} expired at ${record.not_after}`, {
      remedy: 'create a new key; rotation does not prolong one',
    });
  }
  if (previous && Date.parse(previous.not_after) > nowMs && !options.dropPrevious) {
    throw new CliError('conflict', `the secret before the last rotation works until ${previous.not_after}`, {
      remedy: 'wait until then, or add --drop-previous if nobody uses it any more (headgate keys list tells)',
    });
  }
  if (options.overlap === 0) return { ...rest, sha256 };
  const not_after = instant(
    Math.min(nowMs + options.overlap, Date.parse(record.not_after ?? '9999-12-31T00:00:00Z')),
  );
  return { ...rest, sha256, previous: { sha256: record.sha256, not_after } };
}
