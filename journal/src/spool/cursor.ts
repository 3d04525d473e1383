import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Up to which sequence everything is delivered; on disk, so that the next process goes on from there. */
export interface Cursor {
  acknowledged(): number;
  /** A position lost in a power cut means delivering again, not losing. */
  advance(sequence: number): Promise<void>;
}

const FILE = 'cursor.json';
/** Always the same, far below a sector, and written at once where it stands: on a full disk there is no other place. */
const BYTES = 64;

/** A missing or unreadable position counts as nothing delivered: sinks know what they have. */
export async function openCursor(dir: string): Promise<Cursor> {
  const path = join(dir, FILE);
  let acknowledged = await readPosition(path);
  // Takes its room; where there is none, the first advance tries again.
  await writePosition(path, acknowledged).catch(() => undefined);
  return {
    acknowledged: () => acknowledged,
    async advance(sequence) {
      if (sequence <= acknowledged) return;
      acknowledged = sequence;
      await writePosition(path, sequence);
    },
  };
}

async function writePosition(path: string, acknowledged: number): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o600);
  try {
    await file.write(Buffer.from(JSON.stringify({ acknowledged }).padEnd(BYTES)), 0, BYTES, 0);
  } finally {
    await file.close();
  }
}

async function readPosition(path: string): Promise<number> {
  try {
    const { acknowledged } = JSON.parse(await readFile(path, 'utf8'));
    return Number.isSafeInteger(acknowledged) && acknowledged > 0 ? acknowledged : 0;
  } catch {
    return 0;
  }
}
