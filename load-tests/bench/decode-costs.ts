import { decodeCost } from '@headgate/contracts/image/decode-cost';
import { readImageHeader } from '@headgate/contracts/image/header';
import { MAX_IMAGE_SIDE } from '@headgate/contracts/limits';
import { manifestSchema } from '@headgate/contracts/manifest';
import sharp, { type Sharp } from 'sharp';
import { createDecoder } from '../../inference/src/engine/child/image/decode.ts';

/** Prints what decodes cost on this machine beside what their headers let expect: the table of decision 0070. */

const image = manifestSchema.shape.image.unwrap();
const preprocessing = image.shape.preprocessing.parse({
  version: 1,
  width: 224,
  height: 224,
  channels: 3,
  crop_fraction: 0.875,
  resample: 'cubic',
});
const decode = createDecoder({ preprocessing, maxPixels: 40_000_000, maxSide: MAX_IMAGE_SIDE });

const FORMATS: Readonly<Record<string, (picture: Sharp) => Sharp>> = {
  'JPEG baseline': (picture) => picture.jpeg({ quality: 80 }),
  'JPEG progressive': (picture) => picture.jpeg({ quality: 80, progressive: true }),
  'JPEG CMYK': (picture) => picture.toColourspace('cmyk').jpeg(),
  'PNG RGB': (picture) => picture.png(),
  'PNG palette': (picture) => picture.png({ palette: true, colours: 2, effort: 1 }),
  'PNG RGBA': (picture) => picture.ensureAlpha(0.5).png(),
  'PNG 16 bits': (picture) => picture.toColourspace('rgb16').png(),
  'PNG interlaced': (picture) => picture.png({ progressive: true }),
  'PNG interlaced, RGBA, 16 bits': (picture) =>
    picture.ensureAlpha(0.5).toColourspace('rgb16').png({ progressive: true }),
  'WebP lossy': (picture) => picture.webp({ effort: 0 }),
  'WebP lossless': (picture) => picture.webp({ effort: 0, lossless: true }),
};

/** In CPU-ms, of all threads of this process. */
async function cpuMs(bytes: Buffer): Promise<number> {
  const before = process.cpuUsage();
  await decode(bytes);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

for (const [name, encode] of Object.entries(FORMATS)) {
  for (const [width, height] of [
    [4000, 3000],
    [7700, 5150],
  ] as const) {
    const picture = sharp({
      create: { width, height, channels: 3, background: '#285078' },
      limitInputPixels: false,
    });
    const bytes = await encode(picture).toBuffer();
    const header = readImageHeader(bytes);
    // The first decode of a kind loads code.
    await decode(bytes);
    const measured = await cpuMs(bytes);
    const estimated = header ? decodeCost(header, bytes.byteLength).work : Number.NaN;
    const megapixels = Math.round((width * height) / 1e6);
    console.log(
      `${name.padEnd(30)} ${megapixels} MP ${measured.toFixed(0).padStart(5)} CPU-ms, by the header ${estimated.toFixed(0).padStart(4)}`,
    );
  }
}
