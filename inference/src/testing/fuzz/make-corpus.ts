/**
 * Makes the images in engine/child/image/corpus: one for each way in which JPEG, PNG and WebP differ from the plain kind, and files
 * that promise more than they hold. Run after a change: `node inference/src/testing/fuzz/make-corpus.ts`.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import { pngChunk } from '@headgate/testkit/png';
import sharp, { type Sharp } from 'sharp';
import { waves, withOrientation } from '../images.ts';
import { jpegSidesAt, repairChecksums } from './containers.ts';

const CORPUS = join(import.meta.dirname, '../../engine/child/image/corpus');
const MEBIBYTE = 2 ** 20;
const picture = () => waves(60, 44);
const jpeg = (options = {}) => picture().jpeg(options).toBuffer();
const png = (options = {}) => picture().png(options).toBuffer();

/** Puts chunks behind the header of a PNG. */
function withChunks(file: Buffer, ...chunks: Buffer[]): Buffer {
  const HEADER_END = 33;
  return Buffer.concat([file.subarray(0, HEADER_END), ...chunks, file.subarray(HEADER_END)]);
}

/** A JPEG whose frame header says something else. */
function withFrame(file: Buffer, change: (frame: Buffer) => void): Buffer {
  const sides = jpegSidesAt(file);
  if (!sides) throw new Error('expected a frame header');
  // Marker, length, precision, height, width.
  change(file.subarray(sides.height - 5));
  return file;
}

function withSides(file: Buffer, width: number, height: number): Buffer {
  return withFrame(file, (frame) => {
    frame.writeUInt16BE(height, 5);
    frame.writeUInt16BE(width, 7);
  });
}

/** A progressive JPEG that repeats its last scan. */
function withScans(file: Buffer, times: number): Buffer {
  const scan = file.subarray(file.lastIndexOf(Buffer.of(0xff, 0xda)), -2);
  return Buffer.concat([file.subarray(0, -2), ...Array(times).fill(scan), file.subarray(-2)]);
}

/** An animated PNG: a second frame behind the first one. */
async function apng(): Promise<Buffer> {
  const file = await png();
  const control = Buffer.alloc(26);
  control.writeUInt32BE(60, 4);
  control.writeUInt32BE(44, 8);
  const frames = Buffer.alloc(8);
  frames.writeUInt32BE(2, 0);
  return withChunks(file, pngChunk('acTL', frames), pngChunk('fcTL', control));
}

/** EXIF that is one directory of 65,535 entries, the next directory being itself. */
function exifLoop(): Buffer {
  const tiff = Buffer.from('4d4d002a00000008ffff', 'hex');
  const content = Buffer.concat([Buffer.from('Exif\0\0', 'latin1'), tiff, Buffer.alloc(200, 8)]);
  const head = Buffer.from('ffe10000', 'hex');
  head.writeUInt16BE(content.length + 2, 2);
  return Buffer.concat([head, content]);
}

/** sharp writes no restart marks, Pillow does. */
function withRestarts(file: Buffer): Buffer {
  const code = `import io, sys
from PIL import Image
out = io.BytesIO()
Image.open(sys.stdin.buffer).save(out, "JPEG", restart_marker_rows=1)
sys.stdout.buffer.write(out.getvalue())`;
  return execFileSync(join(import.meta.dirname, '../../../../.venv/bin/python'), ['-c', code], {
    input: file,
  });
}

/** Its scan has parameters of another kind of JPEG, as some phones write them. */
function oddScan(file: Buffer): Buffer {
  const scan = file.lastIndexOf(Buffer.of(0xff, 0xda));
  file.writeUInt8(0, scan + file.readUInt16BE(scan + 2));
  return file;
}

function withScanLength(file: Buffer, length: number): Buffer {
  file.writeUInt16BE(length, file.lastIndexOf(Buffer.of(0xff, 0xda)) + 2);
  return file;
}

/** A film behind the picture that has start and end marks by chance. */
const withFilm = (file: Buffer) =>
  Buffer.concat([file, Buffer.alloc(3000, Buffer.from('ffda0008ffd8ffd9', 'hex'))]);

function withRiffLength(file: Buffer, length: number): Buffer {
  file.writeUInt32LE(length, 4);
  return file;
}

const icc = (bytes: number) =>
  pngChunk('iCCP', Buffer.concat([Buffer.from('p\0\0', 'latin1'), deflateSync(Buffer.alloc(bytes))]));
const text = (bytes: number) =>
  pngChunk('zTXt', Buffer.concat([Buffer.from('t\0\0', 'latin1'), deflateSync(Buffer.alloc(bytes))]));

function resized(file: Buffer, width: number, height: number): Buffer {
  file.writeUInt32BE(width, 16);
  file.writeUInt32BE(height, 20);
  repairChecksums(file);
  return file;
}

/** A WebP of four frames, on top of each other as sharp has them. */
function animation(): Sharp {
  const pixels = Uint8Array.from(
    { length: 32 * 24 * 4 * 3 },
    (_, i) => 60 * Math.floor(i / (32 * 24 * 3)) + (i % 60),
  );
  return sharp(pixels, { raw: { width: 32, height: 24 * 4, channels: 3, pageHeight: 24 } });
}

const grey16 = () =>
  sharp(
    Uint16Array.from({ length: 900 }, (_, i) => i * 72),
    { raw: { width: 30, height: 30, channels: 1 } },
  );

const FILES: Readonly<Record<string, () => Promise<Buffer>>> = {
  'baseline.jpg': () => jpeg({ quality: 70 }),
  'progressive.jpg': () => jpeg({ progressive: true }),
  'grey.jpg': () => picture().toColourspace('b-w').jpeg().toBuffer(),
  'cmyk.jpg': () => picture().toColourspace('cmyk').jpeg().toBuffer(),
  'full-chroma.jpg': () => jpeg({ chromaSubsampling: '4:4:4', optimiseCoding: true }),
  'profile-and-exif.jpg': () => picture().withIccProfile('p3').withExif({ IFD0: { Copyright: 'nobody' } }).jpeg().toBuffer(),
  'twelve-bits.jpg': async () => withFrame(await jpeg(), (frame) => void frame.writeUInt8(12, 4)),
  'arithmetic.jpg': async () => withFrame(await jpeg(), (frame) => void frame.writeUInt8(0xc9, 1)),
  'lossless.jpg': async () => withFrame(await jpeg(), (frame) => void frame.writeUInt8(0xc3, 1)),
  'thousand-megapixels.jpg': async () => withSides(await jpeg(), 65_000, 65_000),
  'promises-36-megapixels.jpg': async () => withSides(await jpeg(), 6000, 6000),
  'promises-36-megapixels-progressive.jpg': async () => withSides(await jpeg({ progressive: true }), 6000, 6000),
  'no-height.jpg': async () => withSides(await jpeg(), 60, 0),
  'many-scans.jpg': async () => withSides(withScans(await jpeg({ progressive: true }), 100), 6000, 6000),
  'exif-loop.jpg': async () => { const file = await jpeg(); return Buffer.concat([file.subarray(0, 2), exifLoop(), file.subarray(2)]); },
  'restarts.jpg': async () => withRestarts(await waves(200, 150).jpeg().toBuffer()),
  'odd-scan.jpg': async () => oddScan(await jpeg()),
  'film-behind.jpg': async () => withFilm(await jpeg()),
  'no-end.jpg': async () => (await jpeg()).subarray(0, -2),
  'bytes-between-segments.jpg': async () => { const file = await jpeg(); const at = 4 + file.readUInt16BE(4); return Buffer.concat([file.subarray(0, at), Buffer.of(1, 2, 3), file.subarray(at)]); },
  'odd-scan-and-cut-off.jpg': async () => { const file = oddScan(await jpeg()); return Buffer.concat([file.subarray(0, file.length * 0.8), Buffer.of(0xff, 0xd9)]); },
  'scan-header-of-nothing.jpg': async () => withScanLength((await jpeg()).subarray(0, -2), 2),
  'turned.jpg': async () => withOrientation(await jpeg(), 6),
  'turned.png': async () => withOrientation(await png(), 5),
  'turned.webp': async () => withOrientation(await picture().webp().toBuffer(), 8),
  'no-length.webp': async () => withRiffLength(await picture().webp().toBuffer(), 0),
  'length-beyond-its-end.webp': async () => withRiffLength(await picture().webp({ lossless: true }).toBuffer(), 2 ** 31),
  'plain.png': () => png(),
  'interlaced.png': () => png({ progressive: true }),
  'palette.png': () => png({ palette: true, colours: 16 }),
  'sixteen-bits.png': () => grey16().toColourspace('grey16').png().toBuffer(),
  'alpha.png': () => picture().ensureAlpha(0.5).png().toBuffer(),
  'grey-alpha.png': () => picture().toColourspace('b-w').ensureAlpha(0.5).png().toBuffer(),
  'animated.png': apng,
  'hundred-gigapixels.png': async () => resized(await png(), 0x50000, 0x50000),
  'promises-36-megapixels.png': async () => resized(await png(), 6000, 6000),
  'profile-of-8-mebibytes.png': async () => withChunks(await png(), icc(8 * MEBIBYTE)),
  'text-of-8-mebibytes.png': async () => withChunks(await png(), text(8 * MEBIBYTE)),
  'more-pixels-than-promised.png': async () => withChunks(await png(), pngChunk('IDAT', deflateSync(Buffer.alloc(8 * MEBIBYTE)))),
  'lossy.webp': () => picture().webp().toBuffer(),
  'lossless.webp': () => picture().webp({ lossless: true }).toBuffer(),
  'alpha.webp': () => picture().ensureAlpha(0.5).webp().toBuffer(),
  'animated.webp': () => animation().webp().toBuffer(),
  'profile-and-exif.webp': () => picture().withIccProfile('p3').withExif({ IFD0: { Copyright: 'nobody' } }).webp().toBuffer(),
}; // biome-ignore format: one line a file reads as a table

for (const [name, make] of Object.entries(FILES)) {
  const bytes = await make();
  writeFileSync(join(CORPUS, name), bytes);
  console.log(String(bytes.length).padStart(6), name);
}
