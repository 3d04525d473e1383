import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';

/** Nine JPEGs of about 30 to 200 kB, made by setup: what every benchmark sends, in this order, again and again. */
export const PHOTOS_DIR = join(ROOT, 'samples/bench');

export interface BenchPhoto {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The JPEGs and PNGs of a folder, in the order of their names. */
export function loadPhotos(dir: string): BenchPhoto[] {
  const names = readdirSync(dir).filter((name) => /\.(jpg|png)$/.test(name));
  return names.sort().map((name) => ({ name, bytes: readFileSync(join(dir, name)) }));
}
