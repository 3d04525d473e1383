import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { readRegularFileSync } from '@headgate/runtime/read-file';
import { AdminError } from '../api/api-env.ts';
import { replaceFile } from '../cli/replace-file.ts';
import { changedMeanwhile } from './conflict.ts';
import type { RoutingSource, RoutingVersion } from './routing-source.ts';

/** As gateway and inference read it. */
const MAX_BYTES = 256 * 1024;
/** Editors write in pieces. */
const SETTLE_MS = 100;

const digestOf = (text: string) => createHash('sha256').update(text).digest('hex').slice(0, 16);

interface Written {
  readonly revision: string;
  readonly by: string;
  /** When it was noted. */
  readonly atMs: number;
}

/**
 * The file that an SRE may edit too. Its revision is a digest of its bytes. It has no place for a name: who wrote it is
 * in a file of the folder beside it, also for the next process.
 */
export function fileSource(path: string): RoutingSource {
  const note = join(dirname(path), 'rollouts', 'last-write');
  let ours: Written | undefined;
  /** Of the note that an edit by hand made outdated: it does not name who puts the text of control back. */
  let outdatedMs: number | undefined;

  const read = async (): Promise<RoutingVersion> => {
    try {
      const text = readRegularFileSync(path, { maxBytes: MAX_BYTES }).toString();
      const { mtimeMs, uid } = statSync(path);
      const revision = digestOf(text);
      if (ours?.revision !== revision) ours = noted(note, outdatedMs);
      const byControl = ours?.revision === revision;
      const ageMs = Date.now() - mtimeMs;
      if (!byControl && ageMs >= 0 && ageMs < SETTLE_MS) {
        await setTimeout(SETTLE_MS - ageMs);
        return read();
      }
      const changedBy = ours && byControl ? ours.by : `user:${nameOf(uid)}`;
      if (!byControl) {
        outdatedMs = ours?.atMs ?? outdatedMs;
        ours = undefined;
      }
      return { text, revision, changedAtMs: Math.round(mtimeMs), changedBy, byControl };
    } catch (cause) {
      throw new AdminError('store_unavailable', 'The file of the routing table cannot be read.', { cause });
    }
  };

  return {
    kind: 'file',
    read,
    async replace(revision, text, by) {
      const checked = (before: string | undefined) => {
        if (before === undefined || digestOf(before) !== revision) throw changedMeanwhile();
        return text;
      };
      try {
        // A full disk must not stop a rollback.
        replaceFile(path, checked, 'use');
      } catch (cause) {
        if (cause instanceof AdminError) throw cause;
        throw new AdminError('store_unavailable', 'The routing table cannot be written.', { cause });
      }
      ours = { revision: digestOf(text), by, atMs: Date.now() };
      keepNote(note, ours);
      return read();
    },
  };
}

function noted(path: string, outdatedMs: number | undefined): Written | undefined {
  try {
    const [revision = '', by = ''] = readRegularFileSync(path, { maxBytes: 200 }).toString().split('\n');
    const { mtimeMs: atMs } = statSync(path);
    return atMs === outdatedMs ? undefined : { revision, by, atMs };
  } catch {
    return undefined;
  }
}

/** Where it cannot be written, the next process names the owner of the table: no reason to stop a rollback. */
function keepNote(path: string, { revision, by }: Written): void {
  try {
    replaceFile(path, () => `${revision}\n${by}\n`);
  } catch {}
}

/** Of the owner of a file; its number where the host has no name for it. */
function nameOf(uid: number): string {
  if (uid === process.getuid?.()) return userInfo().username;
  try {
    const users = readFileSync('/etc/passwd', 'utf8').split('\n');
    return users.map((line) => line.split(':')).find((fields) => fields[2] === `${uid}`)?.[0] ?? `${uid}`;
  } catch {
    return `${uid}`;
  }
}
