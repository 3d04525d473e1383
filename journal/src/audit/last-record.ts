import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scanFrames } from '../spool/frame.ts';
import { GENESIS, type Head, unlink } from './chain.ts';
import { lastHeadIn } from './heads-file.ts';

export interface LastRecord {
  /** What the next record follows. */
  readonly head: Head;
  /** The log ends before the head that was anchored outside: its end was cut. */
  readonly truncated: boolean;
}

/**
 * Where a chain goes on after a restart. After a cut it goes on from the anchored head, so that the cut stays visible.
 *
 * @param dir the log of the writer; may not exist yet
 */
export async function findLastRecord(dir: string, headsFile: string, writer: string): Promise<LastRecord> {
  const logged = (await lastInLog(dir)) ?? GENESIS;
  const anchored = (await lastHeadIn(headsFile, writer)) ?? GENESIS;
  return anchored.seq > logged.seq ? { head: anchored, truncated: true } : { head: logged, truncated: false };
}

async function lastInLog(dir: string): Promise<Head | undefined> {
  // Only what does not exist counts as nothing: a log that cannot be read must not begin anew.
  const names = await readdir(dir).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  for (const name of names
    .filter((one) => one.endsWith('.log'))
    .sort()
    .reverse()) {
    const found = scanFrames(await readFile(join(dir, name)))
      .frames.toReversed()
      .map(({ payload }) => unlink(payload))
      .find((one) => one !== undefined);
    if (found) return { seq: found.record.seq, hash: Buffer.from(found.hash) };
  }
  return undefined;
}
