import { randomBytes } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isKeyId } from '@headgate/contracts/keys';
import { type Clock, DAY_MS } from '@headgate/runtime/clock';
import { hmacSha256 } from '@headgate/runtime/keyed-hash';

/** Kinds of names that are hashed: client addresses, subjects of bearer tokens, services. */
export type Purpose = 'address' | 'token' | 'service';
const PURPOSES: readonly Purpose[] = ['address', 'token', 'service'];

const KEY_BYTES = 32;
/** Characters of a pseudonym: 128 bits. */
const LENGTH = 32;

/** The names that stand in the audit log for credentials and addresses. */
export interface Pseudonyms {
  credential(id: string, atMs: number): string;
  address(address: string, atMs: number): string;
  /**
   * Prepares the keys of today and tomorrow, takes up keys that were destroyed, and removes keys beyond their
   * retention. To be called at intervals of less than a day.
   *
   * @throws the first error of the file system: then nobody can ever look up the names of the missing keys
   */
  tend(): Promise<void>;
}

export interface PseudonymOptions {
  /** Holds a key file for each day (UTC) and purpose; several processes may share it. */
  readonly dir: string;
  readonly clock: Clock;
  /** Retention of the keys of addresses, and of all others, in days. */
  readonly addressDays: number;
  readonly credentialDays: number;
}

/**
 * Hashes names with a key that rotates each day. It touches the disk in `tend` only: a name whose key is not there
 * gets a random one that is never stored, because a record without a name is better than none.
 */
export async function openPseudonyms(
  options: PseudonymOptions,
  failed: (error: unknown) => void,
): Promise<Pseudonyms> {
  const { dir, clock } = options;
  let keys = new Map<string, Uint8Array>();
  let cleanedDay = Number.NaN;

  const hashed = (purpose: Purpose, value: string, atMs: number): string => {
    const name = fileName(purpose, atMs);
    const key = keys.get(name) ?? randomBytes(KEY_BYTES);
    keys.set(name, key);
    return pseudonym(key, value);
  };

  const tend = async () => {
    const nowMs = clock.epochMs();
    const names = [nowMs, nowMs + DAY_MS].flatMap((atMs) => PURPOSES.map((one) => fileName(one, atMs)));
    const prepared = names.map(async (name) => [name, await readOrMakeKey(dir, name)] as const);
    const [old, current] = await Promise.all([yesterdaysKeys(dir, nowMs), Promise.all(prepared)]);
    keys = new Map([...old, ...current]);
    const day = Math.floor(nowMs / DAY_MS);
    if (day === cleanedDay) return;
    await removeExpired(options);
    cleanedDay = day;
  };

  await tend().catch(failed);
  return {
    credential: (id, atMs) => openName(id) ?? hashed(purposeOf(id), id, atMs),
    address: (address, atMs) => hashed('address', address, atMs),
    tend,
  };
}

/** Operators, and programs that write the routing table of a cluster. */
const OPERATOR = /^(user|manager):/;

export const keyName = (id: string): string => `key:${id}`;

/**
 * The name of a credential that the log has as it is: the id of an API key, which is random and says nothing by itself,
 * or an operator, who answers for changes. Undefined for those that are hashed.
 */
export const openName = (id: string): string | undefined =>
  isKeyId(id) ? keyName(id) : OPERATOR.test(id) ? id : undefined;

/** What the id of a credential that is hashed stands for. */
export const purposeOf = (id: string): Purpose => (id.startsWith('oidc_') ? 'token' : 'service');

/** A hashed name, on one day. */
export interface DatedPseudonym {
  readonly day: string;
  readonly who: string;
}

/** The names of a credential on every day whose key is still there. */
export async function pseudonymsOf(id: string, dir: string): Promise<DatedPseudonym[]> {
  const files = await keyFiles(dir, purposeOf(id));
  return Promise.all(
    files.map(async ({ name, day }) => ({ day, who: pseudonym(await readFile(join(dir, name)), id) })),
  );
}

/** Destroys all keys of a purpose: no name that was hashed with them can be looked up. @returns how many */
export async function destroyKeys(purpose: Purpose, dir: string): Promise<number> {
  const files = await keyFiles(dir, purpose);
  for (const { name } of files) await rm(join(dir, name), { force: true });
  return files.length;
}

const pseudonym = (key: Uint8Array, value: string): string => hmacSha256(key, value).slice(0, LENGTH);

const fileName = (purpose: Purpose, atMs: number): string =>
  `${purpose}-${new Date(atMs).toISOString().slice(0, 10)}.key`;

/** The key files of a purpose, oldest first; none where the folder does not exist yet. */
async function keyFiles(dir: string, purpose: Purpose): Promise<{ name: string; day: string }[]> {
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const pattern = new RegExp(`^${purpose}-(\\d{4}-\\d{2}-\\d{2})\\.key$`);
  return names
    .sort()
    .map((name) => ({ name, day: pattern.exec(name)?.[1] ?? '' }))
    .filter(({ day }) => day !== '');
}

async function removeExpired({ dir, clock, addressDays, credentialDays }: PseudonymOptions): Promise<void> {
  for (const purpose of PURPOSES) {
    const days = purpose === 'address' ? addressDays : credentialDays;
    const oldestMs = clock.epochMs() - (days + 1) * DAY_MS;
    for (const { name, day } of await keyFiles(dir, purpose)) {
      if (Date.parse(day) < oldestMs) await rm(join(dir, name), { force: true });
    }
  }
}

/** For records of calls that began yesterday and end today. Keys that are not there stay away. */
async function yesterdaysKeys(dir: string, nowMs: number): Promise<[string, Uint8Array][]> {
  const found = PURPOSES.map(async (purpose): Promise<[string, Uint8Array][]> => {
    const name = fileName(purpose, nowMs - DAY_MS);
    const key = await readKey(join(dir, name));
    return key ? [[name, key]] : [];
  });
  return (await Promise.all(found)).flat();
}

/** Of several processes that make the same key at once, one wins: the file appears whole or not at all. */
async function readOrMakeKey(dir: string, name: string): Promise<Uint8Array> {
  const path = join(dir, name);
  const key = await readKey(path);
  if (key) return key;
  const fresh = randomBytes(KEY_BYTES);
  const draft = join(dir, `${fresh.toString('hex', 0, 8)}.draft`);
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await writeFile(draft, fresh, { mode: 0o600, flag: 'wx' });
    await link(draft, path);
    return fresh;
  } catch (error) {
    const other = await readKey(path);
    if (other) return other;
    throw error;
  } finally {
    await rm(draft, { force: true }).catch(() => undefined);
  }
}

/** Undefined where there is none. */
async function readKey(path: string): Promise<Uint8Array | undefined> {
  return readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
}
