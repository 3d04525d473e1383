import { randomUUID } from 'node:crypto';
import { link as hardLink, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditFact, GENESIS, type Head, type Link, link, unlink } from '@headgate/journal/audit/chain';
import { headLine, lastHeadIn } from '@headgate/journal/audit/heads';
import { appendDurably, appendLine } from '@headgate/journal/spool/files';
import { encodeFrames } from '@headgate/journal/spool/frame';
import { segmentPath } from '@headgate/journal/spool/segments';
import { keepSpares, type Spares, writeIntoSpare } from '../spares.ts';
import { readLog } from './read-log.ts';

export interface OwnLog {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  readonly writer: string;
}

/** Room for sixteen revocations with the disk full. A record of the command line has less than a KiB. */
const RESERVE = { count: 32, bytes: 4096 };

const reserveOf = (dir: string): Spares => ({ dir: join(dir, 'reserve'), ...RESERVE });

/** Each attempt that fails means that another command's record went through. */
const MAX_ATTEMPTS = 1000;

/**
 * Appends one record to a log that several programs write, each for a moment; settles when the record and its head
 * survive a power cut. Every record is a file that is named by its place, and a name can be taken once: the
 * second program goes on after the first one. No lock, because a lock outlives a program that was killed.
 *
 * @param fromReserve takes blocks that are kept for it when the disk has none, and does without its head
 * @throws as a disk fails: then the fact is not on record
 */
export async function appendFact(
  log: OwnLog,
  fact: AuditFact,
  atMs: number,
  { fromReserve = false }: { readonly fromReserve?: boolean } = {},
): Promise<void> {
  const { dir, headsFile, writer } = log;
  const own = join(dir, writer);
  await mkdir(own, { recursive: true, mode: 0o700 });
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const next = link(await lastOf(log), writer, atMs, fact);
    if (!(await takePlace(own, next, fromReserve))) continue;
    const anchored = appendLine(headsFile, headLine({ ...next.head, writer, atMs }));
    // The next record's head vouches for this one too.
    await (fromReserve ? anchored.catch(() => undefined) : anchored);
    keepSpares(reserveOf(own));
    return;
  }
  throw new Error('other programs append all the time');
}

/** What the next record follows: the last one in the log, or the anchored head where the end was cut. */
async function lastOf({ dir, headsFile, writer }: OwnLog): Promise<Head> {
  let last: Head = (await lastHeadIn(headsFile, writer)) ?? GENESIS;
  for await (const bytes of readLog(join(dir, writer), last.seq)) {
    const found = unlink(bytes);
    if (found && found.record.seq > last.seq) last = { seq: found.record.seq, hash: found.hash };
  }
  return last;
}

/** @returns false when the place is taken */
async function takePlace(dir: string, { head, bytes }: Link, fromReserve: boolean): Promise<boolean> {
  const draft = join(dir, `${randomUUID()}.draft`);
  const frames = encodeFrames([{ sequence: head.seq, kind: 'record', payload: bytes }]);
  try {
    await appendDurably(draft, frames).catch((error) => {
      if (!fromReserve || !writeIntoSpare(reserveOf(dir), draft, frames)) throw error;
    });
    await hardLink(draft, segmentPath(dir, head.seq));
    const folder = await open(dir, 'r');
    await folder.sync().finally(() => folder.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
