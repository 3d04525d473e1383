import { readFileSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { ROOT } from './root.ts';

export interface Photo {
  readonly name: string;
  /** MIME type of the bytes. */
  readonly type: string;
  readonly bytes: Buffer;
}

const TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg',
  '.jpeg': 'image/jpeg',
  '.png': 'image/png',
  '.webp': 'image/webp',
};

/** A file under samples/. */
export function samplePhoto(file: string): Photo {
  const type = TYPES[extname(file)];
  if (!type) throw new Error(`no MIME type for ${file}`);
  return { name: basename(file), type, bytes: readFileSync(join(ROOT, 'samples', file)) };
}

/**
 * ImageNet classes that a person accepts for each photo, independent of the output of any model.
 */
export const WHAT_A_PERSON_SEES: readonly { readonly stem: string; readonly classes: readonly number[] }[] = [
  { stem: 'chelsea', classes: [281, 282, 283, 285] }, // tabby, tiger cat, Persian cat, Egyptian cat
  { stem: 'coffee', classes: [504, 967, 968] }, // coffee mug, espresso, cup
  { stem: 'camera', classes: [732, 759, 872] }, // Polaroid camera, reflex camera, tripod
  { stem: 'motorcycle', classes: [665, 670] }, // moped, motor scooter
  { stem: 'rocket', classes: [657, 744, 812] }, // missile, projectile, space shuttle
];
