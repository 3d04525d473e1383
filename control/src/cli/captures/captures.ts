import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { keyedHash, parseHashKey } from '@headgate/runtime/keyed-hash';
import { type CaptureStore, type Erasure, eraseCaptures } from '@headgate/stores/capture/store';
import type { Command } from 'commander';
import { audited } from '../audited.ts';
import { CliError } from '../errors.ts';
import { print, table } from '../print.ts';
import { type Installation, installationOf, type Surroundings } from '../surroundings.ts';
import { addExport } from './export.ts';
import { openStore, WITHIN_MS } from './open-store.ts';

interface EraseOptions {
  readonly digest?: string;
  readonly unit?: string;
}

interface Day {
  readonly day: string;
  readonly images: number;
  readonly units: number;
  readonly bytes: number;
}

/** `headgate captures`: images that were kept for training. */
export function addCaptures(program: Command, around: Surroundings): void {
  const captures = program
    .command('captures')
    .description('list, erase and export images that were kept for training');
  for (const add of [addList, addErase, addExport]) add(captures, around);
}

function addList(captures: Command, around: Surroundings): void {
  captures
    .command('list')
    .description('show how many images of how many units are kept of each day')
    .action(async (_: unknown, command: Command) => {
      const store = await openStore(installationOf(command, around));
      const signal = AbortSignal.timeout(WITHIN_MS);
      const days: Day[] = [];
      for (const day of await store.days(signal)) days.push(await countDay(store, day, signal));
      print(command, around, { days }, inWords);
    });
}

async function countDay(store: CaptureStore, day: string, signal: AbortSignal): Promise<Day> {
  const units = new Set<string>();
  let images = 0;
  let bytes = 0;
  for await (const captured of store.list(day, { signal })) {
    units.add(captured.unit);
    images += 1;
    bytes += captured.bytes;
  }
  return { day, images, units: units.size, bytes };
}

function inWords({ days }: { readonly days: readonly Day[] }): string {
  if (days.length === 0) return 'no image is kept';
  const rows = days.map(({ day, images, units, bytes }) => [day, ...[images, units, bytes].map(String)]);
  return table(['DAY', 'IMAGES', 'UNITS', 'BYTES'], rows);
}

function addErase(captures: Command, around: Surroundings): void {
  captures
    .command('erase')
    .description('remove every copy of an image, or all images of a unit')
    .option('--digest <sha256>', 'SHA-256 of the image, as hex')
    .option('--unit <unit>', 'what callers sent as X-Headgate-Unit; the id of the key where they sent none')
    .action(async (options: EraseOptions, command: Command) => {
      const installation = installationOf(command, around);
      const erasure = erasureOf(options, installation);
      const store = await openStore(installation);
      const erase = () => eraseCaptures(store, erasure, AbortSignal.timeout(WITHIN_MS));
      const change = { action: 'captures.erase', detail: { ...erasure } } as const;
      const erased = await audited(change, installation, around, erase);
      if (erased === 0) {
        throw new CliError('not_found', 'no such image is kept', {
          remedy: 'headgate captures list shows what is kept; an erasure that is repeated ends like this too',
        });
      }
      print(command, around, { erased }, () => `${erased} images erased; exports and copies are not`);
    });
}

/** @throws CliError usage unless exactly one thing is named */
function erasureOf({ digest, unit }: EraseOptions, installation: Installation): Erasure {
  if ((digest === undefined) === (unit === undefined)) {
    throw new CliError('usage', 'expected either --digest or --unit', { remedy: 'name one of them' });
  }
  if (unit !== undefined) return { unit: keyedHash(hashKeyOf(installation), 'unit', unit) };
  const sha256 = (digest ?? '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(sha256)) return { sha256 };
  throw new CliError('usage', 'expected 64 hexadecimal digits after --digest', {
    remedy: 'sha256sum prints the digest of a file',
  });
}

/** @throws CliError not_found, also where the file holds no key: by another one, nothing of the unit would be found */
function hashKeyOf({ root, config }: Installation): Uint8Array {
  const path = resolve(root, config.records.hash_key_file);
  let cause: unknown;
  try {
    const key = parseHashKey(readFileSync(path, 'utf8'));
    if (key) return key;
  } catch (error) {
    cause = error;
  }
  throw new CliError('not_found', `the key of the hashes of units is not in ${path}`, {
    remedy: 'run this where the gateways have theirs, or set HEADGATE_RECORDS__HASH_KEY_FILE',
    cause,
  });
}
