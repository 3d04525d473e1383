import { expect, it } from 'vitest';
import { waves } from '../../../testing/images.ts';
import { refuseEndlessScans } from './jpeg.ts';

const MAX_PIXELS = 40_000_000;

/** What is said about a progressive JPEG of so many pixels whose last scan is repeated. */
async function problemOf(repeats: number, pixels: number): Promise<string | undefined> {
  const file = await waves(60, 44).jpeg({ progressive: true }).toBuffer();
  const last = file.subarray(file.lastIndexOf(Buffer.of(0xff, 0xda)), -2);
  try {
    refuseEndlessScans(Buffer.concat([file, ...Array(repeats).fill(last)]), pixels, MAX_PIXELS);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

it('takes a progressive photo of the largest size', async () => {
  expect(await problemOf(0, MAX_PIXELS)).toBeUndefined();
});

it('refuses a large picture that is to be passed over again and again, and says so', async () => {
  expect(await problemOf(50, MAX_PIXELS)).toBe(
    'undecodable_image: The image is stored in more than 32 passes; save it as a common JPEG.',
  );
});

it('lets a small picture have as many passes as cost the same', async () => {
  expect(await problemOf(50, MAX_PIXELS / 4)).toBeUndefined();
  expect(await problemOf(150, MAX_PIXELS / 4)).toContain('more than 128 passes');
});
