import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  addressKeyDay,
  addressKeyFile,
  credentialKeyFile,
  pseudonym,
} from '@headgate/contracts/audit/pseudonym';
import { readOrMakeKey } from '@headgate/contracts/audit/pseudonym-file';
import type { Clock } from '../deps.ts';

/** Gives people and addresses the names that they have in the log. */
export interface PseudonymKeys {
  /** Each credential has a key of its own, so that one can be destroyed alone. */
  credential(keyId: string): string;
  /** All addresses of a day (UTC) have one key: there are too many of them for one each. */
  address(address: string, atMs: number): string;
}

export interface PseudonymKeyOptions {
  /** A file a key. Writers may share it. */
  readonly dir: string;
  readonly clock: Clock;
  /** The key of a day's addresses is destroyed after so many days. */
  readonly addressDays: number;
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
export function filePseudonymKeys({ dir, clock, addressDays }: PseudonymKeyOptions): PseudonymKeys {
  const held = new Map<string, HeldKey>();
  let today = '';

  const keyIn = (name: string): Uint8Array => {
    const known = held.get(name);
    const nowMs = clock.monotonicMs();
    if (known && nowMs < known.checkAtMs) return known.key;
    const path = join(dir, name);
    const key = known && existsSync(path) ? known.key : readOrMakeKey(path);
    if (held.size >= MAX_HELD) held.clear();
    held.set(name, { key, checkAtMs: nowMs + CHECK_MS });
    return key;
  };

  const newDay = (name: string) => {
    today = name;
    const oldest = clock.epochMs() - (addressDays + 1) * DAY_MS;
    for (const file of namesIn(dir)) {
      const day = addressKeyDay(file);
      if (day !== undefined && day < oldest) rmSync(join(dir, file), { force: true });
    }
  };

  return {
    credential: (keyId) => pseudonym(keyIn(credentialKeyFile(keyId)), 'credential', keyId),
    address(address, atMs) {
      const name = addressKeyFile(atMs);
      if (name !== today) newDay(name);
      return pseudonym(keyIn(name), 'address', address);
    },
  };
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}
