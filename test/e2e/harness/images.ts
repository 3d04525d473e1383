import { deflateSync } from 'node:zlib';
import type { Photo } from '@headgate/testkit/photos';
import { pngChunk } from '@headgate/testkit/png';
import sharp from 'sharp';

const PNG_SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** A grey PNG of a few hundred bytes whose header promises `width` × `height` pixels: a decompression bomb's face. */
export function pngThatClaims(width: number, height: number): Photo {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8); // 8 bits, grey, deflate, no filter, not interlaced
  const rows = deflateSync(Buffer.alloc(100_000));
  const bytes = Buffer.concat([
    PNG_SIGNATURE,
    pngChunk('IHDR', header),
    pngChunk('IDAT', rows),
    pngChunk('IEND', Buffer.alloc(0)),
  ]);
  return { name: 'bomb.png', type: 'image/png', bytes };
}

/**
 * A decodable JPEG of exactly `bytes` bytes: `photo` enlarged to 14 megapixels under film grain, the rest filled
 * with comment segments as cameras fill it with previews.
 *
 * @param bytes about 10 MB
 */
export async function hugeJpegOf(photo: Photo, bytes: number): Promise<Photo> {
  const width = 4500;
  const height = 3000;
  const grain = await sharp({
    create: {
      width,
      height,
      channels: 3,
      background: '#808080',
      noise: { type: 'gaussian', mean: 128, sigma: 30 },
    },
  })
    .png({ compressionLevel: 0 })
    .toBuffer();
  const jpeg = await sharp(photo.bytes)
    .removeAlpha()
    .resize(width, height, { fit: 'cover' })
    .composite([{ input: grain, blend: 'soft-light' }])
    .jpeg({ quality: 95, chromaSubsampling: '4:2:0' })
    .toBuffer();
  return { name: 'huge.jpg', type: 'image/jpeg', bytes: padJpeg(jpeg, bytes) };
}

/** Inserts comment segments after the start-of-image marker until the file has `bytes` bytes. */
function padJpeg(jpeg: Buffer, bytes: number): Buffer {
  const missing = bytes - jpeg.length;
  if (missing < 4) throw new RangeError(`the JPEG has ${jpeg.length} bytes, too many for a file of ${bytes}`);
  // A segment's 16-bit length counts itself: at most 65,535 bytes and the marker.
  const count = Math.ceil(missing / 65_000);
  const edge = (index: number) => Math.floor((missing * index) / count);
  const segments = Array.from({ length: count }, (_, index) => {
    const segment = Buffer.alloc(edge(index + 1) - edge(index));
    segment.writeUInt16BE(0xfffe, 0);
    segment.writeUInt16BE(segment.length - 2, 2);
    return segment;
  });
  return Buffer.concat([jpeg.subarray(0, 2), ...segments, jpeg.subarray(2)]);
}

export type Format = 'jpeg' | 'png' | 'webp' | 'gif' | 'tiff';

/** A valid photo of one colour, a few hundred bytes small unless its sides, in pixels, say otherwise. */
export async function plainPhoto(format: Format, width = 64, height = 64): Promise<Photo> {
  const image = sharp({ create: { width, height, channels: 3, background: '#3366cc' } });
  return { name: `plain.${format}`, type: `image/${format}`, bytes: await image.toFormat(format).toBuffer() };
}
