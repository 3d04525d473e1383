import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Up to which sequence everything is delivered; on disk, so that the next process goes on from there. */
export interface Cursor {
  acknowledged(): number;
  /** Appears on disk whole or not at all. A position lost in a power cut means delivering again, not losing. */
  advance(sequence: number): Promise<void>;
}

const FILE = 'cursor.json';

/** A missing or unreadable position counts as nothing delivered: sinks know what they have. */
export async function openCursor(dir: string): Promise<Cursor> {
  const path = join(dir, FILE);
  let acknowledged = await readPosition(path);
  return {
    acknowledged: () => acknowledged,
    async advance(sequence) {
      if (sequence <= acknowledged) return;
      acknowledged = sequence;
      await writeFile(`${path}.tmp`, JSON.stringify({ acknowledged: sequence }), { mode: 0o600 });
      await rename(`${path}.tmp`, path);
    },
  };
}

async function readPosition(path: string): Promise<number> {
  try {
    const { acknowledged } = JSON.parse(await readFile(path, 'utf8'));
    return Number.isSafeInteger(acknowledged) && acknowledged > 0 ? acknowledged : 0;
  } catch {
    return 0;
  }
}
