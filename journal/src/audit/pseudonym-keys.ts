import { existsSync, utimesSync } from 'node:fs';
import { opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, DAY_MS } from '@headgate/runtime/clock';
import {
  addressKeyFile,
  credentialKeyFile,
  dayOfKeyFile,
  isCredentialKeyFile,
  pseudonym,
  sharedKeyFile,
} from './pseudonym.ts';
import { readOrMakeKey } from './pseudonym-file.ts';

/** Gives people and addresses the names that they have in the log. */
export interface PseudonymKeys {
  /** Each credential has a key of its own, so that one can be destroyed alone; beyond a bound, one a day for all. */
  credential(keyId: string): string;
  /** All addresses of a day (UTC) have one key: there are too many of them for one each. */
  address(address: string, atMs: number): string;
  /**
   * To be called at intervals. Once a day (UTC) what need not be kept goes, file after file, and what stays is counted.
   * A call while that goes on settles with it. Ends early when the signal is aborted.
   *
   * @throws the first error of the file system; what could not be removed is tried again the next day
   */
  tend(signal: AbortSignal): Promise<void>;
}

export interface PseudonymKeyOptions {
  /** A file a key. Writers may share it. */
  readonly dir: string;
  readonly clock: Clock;
  /** The key of a day, of addresses or of credentials without their own, is destroyed after so many days. */
  readonly addressDays: number;
  /** The key of a credential that nobody used for so many days is destroyed. */
  readonly credentialDays: number;
  /** Most files of credentials. */
  readonly maxCredentials: number;
}

interface HeldKey {
  readonly key: Uint8Array;
  /** Whether the file is still there is asked again from then on; monotonic ms. */
  readonly checkAtMs: number;
}

/** A destroyed key is forgotten within this time. */
const CHECK_MS = 10_000;
/** Keys held at once; more are read again when they are needed. */
const MAX_HELD = 4096;

/** Keys in files, made when they are needed first. Those that are there are counted before. */
export async function openPseudonymKeys(options: PseudonymKeyOptions): Promise<PseudonymKeys> {
  const { dir, clock, maxCredentials } = options;
  const held = new Map<string, HeldKey>();
  let credentials = await countCredentials(dir);
  let tendedDay = Number.NaN;
  let tending: Promise<void> | undefined;

  const tendAll = async (signal: AbortSignal): Promise<void> => {
    const day = Math.floor(clock.epochMs() / DAY_MS);
    if (day === tendedDay) return;
    const before = credentials;
    const kept = await removeOld(options, signal);
    if (signal.aborted) return;
    // One that was made meanwhile may count twice until tomorrow: rather too few with a key of their own.
    credentials = kept.credentials + (credentials - before);
    tendedDay = day;
    if (kept.failure) throw kept.failure;
  };

  const keyIn = (name: string): Uint8Array => {
    const known = held.get(name);
    const nowMs = clock.monotonicMs();
    if (known && nowMs < known.checkAtMs) return known.key;
    const path = join(dir, name);
    const key = known && existsSync(path) ? known.key : readOrMakeKey(path);
    markUsed(path, clock.epochMs());
    if (held.size >= MAX_HELD) held.clear();
    held.set(name, { key, checkAtMs: nowMs + CHECK_MS });
    return key;
  };

  const fileOf = (keyId: string): string => {
    const name = credentialKeyFile(keyId);
    if (held.has(name) || existsSync(join(dir, name))) return name;
    if (credentials >= maxCredentials) return sharedKeyFile(clock.epochMs());
    credentials += 1;
    return name;
  };

  return {
    credential(keyId) {
      return pseudonym(keyIn(fileOf(keyId)), 'credential', keyId);
    },
    address(address, atMs) {
      return pseudonym(keyIn(addressKeyFile(atMs)), 'address', address);
    },
    tend(signal) {
      tending ??= tendAll(signal).finally(() => {
        tending = undefined;
      });
      return tending;
    },
  };
}

/** The time of the file says when its key was used last. */
function markUsed(path: string, atMs: number): void {
  try {
    utimesSync(path, atMs / 1000, atMs / 1000);
  } catch {
    // It could not be kept, or belongs to another user, whose process marks it.
  }
}

interface Kept {
  readonly credentials: number;
  /** The first one; what comes after it is looked at nevertheless. */
  readonly failure: Error | undefined;
}

async function removeOld(options: PseudonymKeyOptions, signal: AbortSignal): Promise<Kept> {
  let credentials = 0;
  let failure: Error | undefined;
  for await (const name of namesIn(options.dir)) {
    if (signal.aborted) break;
    try {
      if (await isOld(name, options)) await rm(join(options.dir, name), { force: true });
      else if (isCredentialKeyFile(name)) credentials += 1;
    } catch (error) {
      failure ??= error as Error;
    }
  }
  return { credentials, failure };
}

async function isOld(name: string, { dir, clock, addressDays, credentialDays }: PseudonymKeyOptions) {
  const nowMs = clock.epochMs();
  if (isCredentialKeyFile(name)) return (await lastUseOf(join(dir, name))) < nowMs - credentialDays * DAY_MS;
  const day = dayOfKeyFile(name);
  return day !== undefined && day < nowMs - (addressDays + 1) * DAY_MS;
}

/** In ms since the Unix epoch; Infinity when the file is gone. */
async function lastUseOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Number.POSITIVE_INFINITY;
    throw error;
  }
}

/** 0 where they cannot be counted: no key can be kept there either, and `tend` fails. */
async function countCredentials(dir: string): Promise<number> {
  let count = 0;
  try {
    for await (const name of namesIn(dir)) if (isCredentialKeyFile(name)) count += 1;
    return count;
  } catch {
    return 0;
  }
}

/** Names in a folder, a few at a time; none when it does not exist yet. */
async function* namesIn(dir: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(dir)) yield name;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}
