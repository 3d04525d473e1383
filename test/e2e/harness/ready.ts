import { readFileSync } from 'node:fs';
import type { Ready } from '../../../scripts/serve/ready-file.ts';

export type { Ready };

/** Reads the ready file of `npm start`; undefined while there is none. */
export function readReadyFile(path: string): Ready | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Ready;
  } catch {
    return undefined;
  }
}
