import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Appends one line; settles when it survives a power cut. One write, so that lines of several writers do not mix. */
export async function appendLine(path: string, line: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const file = await open(path, 'a', 0o600);
  try {
    await file.write(line);
    await file.datasync();
  } finally {
    await file.close();
  }
}
