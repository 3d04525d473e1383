import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import sharp from 'sharp';

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

/** A valid JPEG of at least `bytes` bytes and not much more: noise, whose size follows its area. */
export async function jpegOfAbout(bytes: number): Promise<Buffer> {
  for (let side = 100; ; side += 4) {
    const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const;
    const image = sharp({ create: { width: side, height: side, channels: 3, background: '#808080', noise } });
    const jpeg = await image.jpeg().toBuffer();
    if (jpeg.length >= bytes) return jpeg;
  }
}
