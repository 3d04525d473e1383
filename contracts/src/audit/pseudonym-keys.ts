import { existsSync, readdirSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
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
const DAY_MS = 86_400_000;

/** Keys in files, made when they are needed first. */
export function filePseudonymKeys(options: PseudonymKeyOptions): PseudonymKeys {
  const { dir, clock, maxCredentials } = options;
  const held = new Map<string, HeldKey>();
  let today = Number.NaN;
  let credentials = 0;

  /** Once a day: what need not be kept goes, and what stays is counted. */
  const tend = () => {
    const day = Math.floor(clock.epochMs() / DAY_MS);
    if (day === today) return;
    today = day;
    removeOld(options);
    credentials = namesIn(dir).filter(isCredentialKeyFile).length;
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
      tend();
      return pseudonym(keyIn(fileOf(keyId)), 'credential', keyId);
    },
    address(address, atMs) {
      tend();
      return pseudonym(keyIn(addressKeyFile(atMs)), 'address', address);
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

function removeOld({ dir, clock, addressDays, credentialDays }: PseudonymKeyOptions): void {
  const nowMs = clock.epochMs();
  for (const name of namesIn(dir)) {
    const path = join(dir, name);
    const day = dayOfKeyFile(name);
    const isOld = isCredentialKeyFile(name)
      ? lastUseOf(path) < nowMs - credentialDays * DAY_MS
      : day !== undefined && day < nowMs - (addressDays + 1) * DAY_MS;
    if (isOld) rmSync(path, { force: true });
  }
}

/** In ms since the Unix epoch; Infinity when the file is gone. */
function lastUseOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
