import { join } from 'node:path';
import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { headsIn } from '@headgate/journal/audit/heads-file';
import { type ChainResult, createVerifier } from '@headgate/journal/audit/verify';
import { readLog, writersIn } from './read-log.ts';

export interface Logs {
  /** Holds a directory a writer. */
  readonly dir: string;
  /** File of heads; undefined where there is none, and then a cut end cannot be found. */
  readonly headsFile: string | undefined;
}

/** Verifies the log of every writer that has one, or that has an anchored head. */
export async function verifyLogs({ dir, headsFile }: Logs): Promise<ChainResult[]> {
  // Before the logs: a head that is anchored meanwhile may belong to a record that was not read.
  const heads = headsFile === undefined ? [] : await headsIn(headsFile);
  const logged = await writersIn(dir);
  const writers = new Set([...logged, ...heads.map(({ writer }) => writer)]);
  const results: ChainResult[] = [];
  for (const writer of [...writers].sort()) {
    results.push(await verifyLog(writer, heads, logged.includes(writer) ? join(dir, writer) : undefined));
  }
  return results;
}

async function verifyLog(
  writer: string,
  heads: readonly AnchoredHead[],
  dir: string | undefined,
): Promise<ChainResult> {
  const verifier = createVerifier(writer, heads, { trimmed: true });
  if (dir !== undefined) {
    for await (const bytes of readLog(dir)) {
      if (!verifier.add(bytes)) break;
    }
  }
  return verifier.end();
}
