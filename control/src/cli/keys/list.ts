import type { KeyRecord } from '@headgate/contracts/keys';
import { internalAddress, METRIC } from '@headgate/contracts/names';
import type { Command } from 'commander';
import { print, table } from '../print.ts';
import type { Surroundings } from '../surroundings.ts';
import { keyFileOf, readKeyFile } from './key-file.ts';
import { instant } from './secret.ts';

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
      const urls = metricsUrl ?? [`http://${internalAddress(config.listen, 'gatewayInternal')}/metrics`];
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

/** Time of the last accepted request by each secret; null: none since the gateways started; or nobody could be asked. */
interface LastUse {
  readonly current: string | null | 'unknown';
  readonly previous: string | null | 'unknown';
}

const TIMEOUT_MS = 3000;
const MAX_BYTES = 64 * 2 ** 20;
const SAMPLE = new RegExp(
  `^${METRIC.keyLastUsed}\\{key_id="([a-z0-9]{4,32})",secret="(current|previous)"\\} ([0-9.e+]+)$`,
  'gm',
);

/**
 * Asks the gateways when each key was last used. The newest time counts; when one of them does not answer, keys that
 * the others have not seen are `unknown`, because that one may have.
 */
async function lastUses(urls: readonly string[], fetch: typeof globalThis.fetch) {
  const answers = await Promise.all(urls.map((url) => metricsText(url, fetch)));
  const complete = answers.every((text) => text !== undefined);
  const newest = new Map<string, number>();
  for (const [, id, secret, seconds] of answers.flatMap((text) => [...(text ?? '').matchAll(SAMPLE)])) {
    const key = `${id}/${secret}`;
    newest.set(key, Math.max(newest.get(key) ?? 0, Number(seconds)));
  }
  const of = (key: string) => {
    const seconds = newest.get(key);
    if (seconds !== undefined) return instant(seconds * 1000);
    return complete ? null : 'unknown';
  };
  return (id: string): LastUse => ({ current: of(`${id}/current`), previous: of(`${id}/previous`) });
}

async function metricsText(url: string, fetch: typeof globalThis.fetch): Promise<string | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'error' });
    if (!response.ok || Number(response.headers.get('content-length')) > MAX_BYTES) return undefined;
    return await response.text();
  } catch {
    return undefined;
  }
}
