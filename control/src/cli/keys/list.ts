import type { KeyRecord } from '@headgate/contracts/keys';
import { portOf } from '@headgate/contracts/names';
import type { Command } from 'commander';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { keyFileOf, readKeyFile } from './key-file.ts';
import { type LastUse, lastUses } from './last-use.ts';

type ListedKey = Omit<KeyRecord, 'sha256' | 'previous'> & {
  readonly state: 'valid' | 'expired';
  readonly previous_not_after: string | null;
  readonly last_used: LastUse;
};

export function addList(keys: Command, around: Surroundings): void {
  keys
    .command('list')
    .description('show all keys, without anything secret, and when a gateway last saw them')
    .option('--metrics-url <url...>', 'internal /metrics of each gateway (default: the local one)')
    .action(async ({ metricsUrl }: { metricsUrl?: string[] }, command: Command) => {
      const { path, config } = keyFileOf(command, around);
      const records = readKeyFile(path);
      const { port_base } = config.listen;
      const urls = metricsUrl ?? [`http://127.0.0.1:${portOf(port_base, 'gatewayInternal')}/metrics`];
      const lastUsed = await lastUses(urls, around.fetch);
      const listed = records.map((record) => describe(record, lastUsed(record.id), around.nowMs()));
      print(command, around, { keys: listed }, ({ keys }) => inWords(keys));
    });
}

function describe(
  { sha256: _, previous, ...record }: KeyRecord,
  last_used: LastUse,
  nowMs: number,
): ListedKey {
  const overlaps = previous !== undefined && Date.parse(previous.not_after) > nowMs;
  const expired = record.not_after !== undefined && Date.parse(record.not_after) <= nowMs;
  return {
    ...record,
    state: expired ? 'expired' : 'valid',
    previous_not_after: overlaps ? previous.not_after : null,
    last_used,
  };
}

const HEADINGS = [
  'ID',
  'NAME',
  'ROLE',
  'TIER',
  'MODELS',
  'ROUTES',
  'VALID UNTIL',
  'LAST USED',
  'PREVIOUS SECRET',
];

function inWords(keys: readonly ListedKey[]): string {
  if (keys.length === 0) return 'there are no keys; headgate keys create makes one';
  return table(
    HEADINGS,
    keys.map((key) => [
      key.id,
      key.name,
      key.role,
      key.tier,
      key.scopes?.models?.join(',') ?? 'all',
      key.scopes?.routes?.join(',') ?? 'all',
      key.state === 'expired' ? `expired ${key.not_after}` : (key.not_after ?? 'forever'),
      inOneWord(key.last_used.current),
      key.previous_not_after === null
        ? '-'
        : `until ${key.previous_not_after}, last used: ${inOneWord(key.last_used.previous)}`,
    ]),
  );
}

function inOneWord(lastUse: LastUse['current']): string {
  return lastUse ?? 'not since the gateway started';
}
