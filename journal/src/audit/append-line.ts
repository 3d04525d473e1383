import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Appends one line, in a folder that is made where it is missing; settles when the line survives a power cut. */
export async function appendLine(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await appendDurably(path, line);
}

/** Settles when the bytes survive a power cut. One write, so that lines of several programs do not mix. */
export async function appendDurably(path: string, bytes: string | Uint8Array): Promise<void> {
  const file = await open(path, 'a', 0o600);
  try {
    await file.appendFile(bytes);
    await file.datasync();
  } finally {
    await file.close();
  }
}
