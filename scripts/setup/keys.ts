import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DevelopmentKey, developmentKeyId } from '@headgate/contracts/development';
import { IN_WORDS } from '@headgate/contracts/issues';
import { type KeyRecord, keyFileSchema } from '@headgate/contracts/keys';
import { readDocument } from '@headgate/runtime/read-document';
import { issuesOf } from '@headgate/runtime/watch-file';
import { stringify } from 'yaml';
import type { Step } from './runner.mjs';

/** Plain development keys, for the printed curl and for tests. Production keys are made elsewhere. */
export type DevKeys = Readonly<Record<DevelopmentKey, string>>;

const KEYS_FILE = 'state/keys.yaml';
export const DEV_KEYS_FILE = 'state/dev-keys.json';

const RECORDS: Record<keyof DevKeys, Pick<KeyRecord, 'role' | 'tier'>> = {
  client: { role: 'client', tier: 'default' },
  bench: { role: 'client', tier: 'bench' },
  admin: { role: 'admin', tier: 'bench' },
};

/** Creates the three development keys, and keeps all other records of the key file. */
export const keysStep: Step = {
  name: 'keys',
  title: 'development keys',
  inputs: ['scripts/setup/keys.ts'],
  outputs: [KEYS_FILE, DEV_KEYS_FILE],
  run: async ({ root, ui }) => {
    const made = makeDevKeys(root);
    if (made !== undefined) ui.say(`  development key (also in ${DEV_KEYS_FILE}): ${made.client}`);
  },
  remedy: `delete ${KEYS_FILE} and ${DEV_KEYS_FILE} if you can spare the keys in them, then run the same command again`,
};

/** The development keys that setup made. */
export function readDevKeys(root: string): DevKeys {
  return JSON.parse(readFileSync(join(root, DEV_KEYS_FILE), 'utf8'));
}

/** Returns new keys, or undefined when the key file knows the present ones. */
export function makeDevKeys(root: string): DevKeys | undefined {
  mkdirSync(join(root, 'state'), { recursive: true, mode: 0o700 });
  const records = readRecords(join(root, KEYS_FILE));
  if (areKnown(root, records)) return undefined;
  const names = Object.keys(RECORDS) as (keyof DevKeys)[];
  const made = names.map((name) => makeKey(name));
  const kept = records.filter((record) => !names.some((name) => record.name === recordName(name)));
  const keys = Object.fromEntries(made.map(({ name, key }) => [name, key])) as unknown as DevKeys;
  writePrivate(join(root, KEYS_FILE), stringify({ keys: [...kept, ...made.map(({ record }) => record)] }));
  writePrivate(join(root, DEV_KEYS_FILE), `${JSON.stringify(keys, null, 2)}\n`);
  return keys;
}

function makeKey(name: keyof DevKeys): { name: string; key: string; record: KeyRecord } {
  const id = developmentKeyId(name, randomBytes(4));
  const key = `hg_${id}_${randomBytes(32).toString('base64url')}`;
  return { name, key, record: { id, sha256: sha256(key), name: recordName(name), ...RECORDS[name] } };
}

function areKnown(root: string, records: readonly KeyRecord[]): boolean {
  const known = new Set(records.map((record) => record.sha256));
  try {
    const keys = readDevKeys(root);
    return Object.keys(RECORDS).every((name) => known.has(sha256(keys[name as keyof DevKeys])));
  } catch {
    return false; // no file, or not one of ours: new keys are made
  }
}

/** @throws when an existing key file is not valid: it must not be overwritten */
function readRecords(path: string): KeyRecord[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return [];
  }
  try {
    return readDocument(bytes, (document) => keyFileSchema.parse(document, IN_WORDS)).keys;
  } catch (cause) {
    throw new Error(`${path}: ${issuesOf(cause).join('; ')}`, { cause });
  }
}

const recordName = (name: keyof DevKeys): string => `development ${name}`;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Replaces a file that only its owner reads; a reader finds the old or the new text. */
export function writePrivate(path: string, text: string): void {
  writeFileSync(`${path}.tmp`, text, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}
