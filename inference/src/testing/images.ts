import { imageTypeOf, readImageHeader } from '@headgate/contracts/image/header';
import { pngChunk } from '@headgate/testkit/png';
import sharp, { type Sharp } from 'sharp';

/** A picture of two flat areas: `outer`, and a centred square of `inner` with half the short side. */
export function target(width: number, height: number, outer = '#f00', inner = '#00f'): Sharp {
  const side = Math.floor(Math.min(width, height) / 2);
  const square = { create: { width: side, height: side, channels: 3 as const, background: inner } };
  return sharp({ create: { width, height, channels: 3, background: outer } }).composite([
    { input: square, left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2) },
  ]);
}

/** A smooth picture with detail everywhere, like a photo and unlike a flat area. */
export function waves(width: number, height: number): Sharp {
  const pixels = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = (y * width + x) * 3;
      pixels[at] = 128 + 120 * Math.sin(x / 17);
      pixels[at + 1] = 128 + 120 * Math.sin(y / 11);
      pixels[at + 2] = 128 + 120 * Math.sin((x + y) / 23);
    }
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } });
}

/** Mean absolute difference of two pictures of the same size, in levels of 0 to 255. */
export function distance(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}

/** The same file with EXIF that says how the picture is turned. A WebP must be a plain one. */
export function withOrientation(file: Buffer, orientation: number): Buffer {
  const exif = Buffer.from('4d4d002a00000008000101120003000000010000000000000000', 'hex');
  exif.writeUInt16BE(orientation, 18);
  const type = imageTypeOf(file);
  if (type === 'image/png')
    return Buffer.concat([file.subarray(0, 33), pngChunk('eXIf', exif), file.subarray(33)]);
  if (type === 'image/jpeg') {
    const content = Buffer.concat([Buffer.from('ffe10000', 'hex'), Buffer.from('Exif\0\0', 'latin1'), exif]);
    content.writeUInt16BE(content.length - 2, 2);
    return Buffer.concat([file.subarray(0, 2), content, file.subarray(2)]);
  }
  const header = readImageHeader(file);
  if (!header) throw new Error('expected an image');
  const extended = Buffer.alloc(10);
  extended[0] = 0x08;
  extended.writeUIntLE(header.width - 1, 4, 3);
  extended.writeUIntLE(header.height - 1, 7, 3);
  return riffOf([webpChunk('VP8X', extended), file.subarray(12), webpChunk('EXIF', exif)]);
}

/** A chunk of a WebP, padded to an even length. */
export function webpChunk(type: string, content: Uint8Array): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1');
  head.writeUInt32LE(content.length, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

/** A WebP of these chunks. */
export function riffOf(chunks: readonly Uint8Array[]): Buffer {
  return webpChunk('RIFF', Buffer.concat([Buffer.from('WEBP'), ...chunks]));
}
