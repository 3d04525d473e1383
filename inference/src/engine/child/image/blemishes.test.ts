import { readFileSync } from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import type { HeadgateError } from '@headgate/contracts/errors';
import { readImageHeader } from '@headgate/contracts/image/header';
import type { Preprocessing } from '@headgate/contracts/manifest';
import { pngChunk } from '@headgate/testkit/png';
import type { Sharp } from 'sharp';
import { describe, expect, it } from 'vitest';
import { repairChecksums } from '../../../testing/fuzz/containers.ts';
import { distance, riffOf, waves, webpChunk } from '../../../testing/images.ts';
import { createDecoder } from './decode.ts';

/**
 * One rule for every decoder and size: a blemish that loses no pixel is accepted and changes none; picture data that is
 * missing is refused (decision 0118). The cases are made by code from pictures of each kind that takes its own way.
 */
const INPUT: Preprocessing = {
  version: 2,
  width: 16,
  height: 16,
  channels: 3,
  fit: 'crop',
  crop_fraction: 1,
  border: 0,
  orientation: 'apply',
  resample: 'cubic',
};
const decode = createDecoder({ preprocessing: INPUT, maxPixels: 40_000_000, maxSide: 32_768 });
/** Takes single pixels, from the middle of a picture. */
const decodeMiddle = createDecoder({
  preprocessing: { ...INPUT, resample: 'nearest', crop_fraction: 0.5 },
  maxPixels: 40_000_000,
  maxSide: 32_768,
});

type Change = (file: Buffer) => Buffer;
type Cases = Readonly<Record<string, Change>>;

const cat = (...parts: readonly (Uint8Array | string)[]) =>
  Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part)));
const put = (file: Buffer, at: number, part: Uint8Array | string) =>
  cat(file.subarray(0, at), part, file.subarray(at));
const changed = (file: Buffer, change: (copy: Buffer) => void) => {
  const copy = Buffer.from(file);
  change(copy);
  return copy;
};
const JUNK = Buffer.of(1, 2, 3, 4, 5);
const FILM = cat('\0\0\0\x18ftypmp42', Buffer.alloc(4000, Buffer.of(0xff, 0xda, 0, 8, 0xff, 0xd8)));

const jpegMarker = (code: number) => Buffer.of(0xff, code);
const scanOf = (file: Buffer) => file.lastIndexOf(jpegMarker(0xda));
/** Behind the first segment. In front of it they would be no JPEG to anybody. */
const behindFirst = (file: Buffer) => 4 + file.readUInt16BE(4);
const firstScanOf = (file: Buffer) => file.indexOf(jpegMarker(0xda));
/** The third restart mark. */
const restartOf = (file: Buffer, code = 0xd2) => file.indexOf(jpegMarker(code), firstScanOf(file));
const isProgressive = (file: Buffer) => file.includes(jpegMarker(0xc2));
const isRestarted = (file: Buffer) => file.includes(Buffer.of(0xff, 0xdd, 0, 4));
function segment(code: number, content: string): Buffer {
  const head = Buffer.of(0xff, code, 0, 0);
  head.writeUInt16BE(content.length + 2, 2);
  return cat(head, content);
}
/** Parameters of the last scan: of a progressive picture they mean something. */
const scanParameters =
  (...values: number[]): Change =>
  (file) =>
    isProgressive(file)
      ? file
      : changed(file, (copy) => {
          const end = scanOf(copy) + 2 + copy.readUInt16BE(scanOf(copy) + 2);
          copy.set(values, end - 3);
        });
const withoutEnd = (file: Buffer, bytes = 0) => file.subarray(0, file.length - 2 - bytes);

const JPEG_HARMLESS: Cases = {
  'an odd end of the spectrum of its scan': scanParameters(0, 0, 0),
  'odd bits of its scan': scanParameters(0, 63, 0x12),
  'an odd start of the spectrum of its scan': scanParameters(1, 63, 0),
  'bytes between its first segments': (file) => put(file, behindFirst(file), JUNK),
  'bytes in front of its first scan': (file) => put(file, firstScanOf(file), JUNK),
  'bytes in front of its last scan': (file) => put(file, scanOf(file), JUNK),
  'bytes in front of its end': (file) => (isProgressive(file) && isRestarted(file) ? file : put(file, file.length - 2, JUNK)),
  'fill bytes in front of its end': (file) => put(file, file.length - 2, Buffer.alloc(40, 0xff)),
  'bytes behind its end': (file) => cat(file, JUNK),
  'a film behind its end': (file) => cat(file, FILM),
  'another picture behind its end': (file) => cat(file, file),
  'no end mark': (file) => withoutEnd(file),
  'an unknown colour transform in an Adobe segment': (file) => put(file, 2, segment(0xee, 'Adobe\0\x64\0\0\0\0\x07')),
  'an unknown version of JFIF': (file) => put(file, 2, segment(0xe0, 'JFIF\0\x09\x01\0\0\x01\0\x01\0\0')),
  'a broken colour profile': (file) => put(file, 2, segment(0xe2, 'ICC_PROFILE\0\x03\x01abc')),
  'EXIF that points nowhere': (file) => put(file, 2, segment(0xe1, 'Exif\0\0MM\0*\xff\xff\xff\xff')),
  'EXIF that is itself': (file) => put(file, 2, segment(0xe1, `Exif\0\0MM\0*\0\0\0\x08\xff\xff${'\x08'.repeat(200)}`)),
  'an empty comment': (file) => put(file, 2, segment(0xfe, '')),
  'several blemishes at once': (file) =>
    withoutEnd(put(put(scanParameters(0, 0, 0)(file), firstScanOf(file), JUNK), 2, segment(0xee, 'Adobe\0\x64\0\0\0\0\x07'))),
}; // biome-ignore format: one line a case reads as a table

const JPEG_MISSING: Cases = {
  'half of its bytes': (file) => file.subarray(0, file.length / 2),
  'half of its bytes, and an end mark': (file) => cat(file.subarray(0, file.length / 2), jpegMarker(0xd9)),
  'half of its bytes, and odd scan parameters': (file) => scanParameters(0, 0, 0)(file).subarray(0, file.length / 2),
  'half of its bytes, an end mark, and odd scan parameters': (file) =>
    cat(scanParameters(0, 0, 0)(file).subarray(0, file.length / 2), jpegMarker(0xd9)),
  'half of its bytes, an end mark, and bytes between segments': (file) =>
    put(cat(file.subarray(0, file.length / 2), jpegMarker(0xd9)), behindFirst(file), JUNK),
  'its last bytes': (file) => withoutEnd(file, 20),
  'its last bytes, but not its end mark': (file) => cat(withoutEnd(file, 20), jpegMarker(0xd9)),
  'all bytes behind its header': (file) => file.subarray(0, firstScanOf(file)),
  'bytes in the middle, overwritten': (file) => changed(file, (copy) => copy.fill(0xff, copy.length >> 1, (copy.length >> 1) + 40)),
}; // biome-ignore format: one line a case reads as a table

const JPEG_RESTARTS: Cases = {
  'bytes in front of a restart mark': (file) => put(file, restartOf(file), JUNK),
  'fill bytes in front of a restart mark': (file) => put(file, restartOf(file), Buffer.alloc(9, 0xff)),
};

const JPEG_WITHOUT_RESTARTS: Cases = {
  'what lies between two restart marks': (file) => cat(file.subarray(0, restartOf(file)), file.subarray(restartOf(file, 0xd3))),
  'a restart mark': (file) => cat(file.subarray(0, restartOf(file)), file.subarray(restartOf(file) + 2)),
  'its last restart mark': (file) => {
    const last = Math.max(...[0, 1, 2, 3, 4, 5, 6, 7].map((number) => file.lastIndexOf(jpegMarker(0xd0 + number))));
    return cat(file.subarray(0, last), file.subarray(last + 2));
  },
}; // biome-ignore format: one line a case reads as a table

const png = {
  headerEnd: 33,
  dataOf(file: Buffer): Buffer {
    const data: Buffer[] = [];
    for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
      if (file.toString('latin1', at + 4, at + 8) === 'IDAT') data.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
    }
    return Buffer.concat(data);
  },
  /** All data in one chunk, and what comes in front of it and behind. */
  with(file: Buffer, data: Buffer, ...behind: Buffer[]): Buffer {
    return cat(file.subarray(0, file.indexOf('IDAT') - 4), pngChunk('IDAT', data), ...behind, pngChunk('IEND', Buffer.alloc(0)));
  },
}; // biome-ignore format: short
const text = (content: string) => Buffer.from(content, 'latin1');
const wrongSum = (chunk: Buffer) =>
  changed(chunk, (copy) => copy.writeUInt8(copy.readUInt8(copy.length - 1) ^ 1, copy.length - 1));
const behindHeader =
  (...chunks: Buffer[]): Change =>
  (file) =>
    put(file, png.headerEnd, cat(...chunks));
const inFrontOfEnd =
  (...chunks: Buffer[]): Change =>
  (file) =>
    put(file, file.length - 12, cat(...chunks));

const PNG_HARMLESS: Cases = {
  'a wrong checksum of a text': behindHeader(wrongSum(pngChunk('tEXt', text('a\0b')))),
  'a wrong checksum of its density': behindHeader(wrongSum(pngChunk('pHYs', Buffer.alloc(9)))),
  'a wrong checksum of its EXIF': behindHeader(wrongSum(pngChunk('eXIf', text('MM\0*\0\0\0\x08\0\0')))),
  'a wrong checksum of a private chunk': behindHeader(wrongSum(pngChunk('abCd', JUNK))),
  'a wrong checksum of a text behind its data': inFrontOfEnd(wrongSum(pngChunk('tEXt', text('a\0b')))),
  'a broken colour profile': behindHeader(pngChunk('iCCP', text('p\0\0no zlib'))),
  'EXIF that is none': behindHeader(pngChunk('eXIf', text('rubbish'))),
  'EXIF that points nowhere': behindHeader(pngChunk('eXIf', text('MM\0*\xff\xff\xff\xff'))),
  'a colour space that is not defined': behindHeader(pngChunk('sRGB', text('999'))),
  'an empty gamma': behindHeader(pngChunk('gAMA', Buffer.alloc(0))),
  'a chunk that nobody knows': behindHeader(pngChunk('abCd', JUNK)),
  'no end chunk': (file) => file.subarray(0, -12),
  'an end chunk that is cut off': (file) => file.subarray(0, -5),
  'a wrong checksum of its end chunk': wrongSum,
  'an end chunk with content': (file) => cat(file.subarray(0, -12), pngChunk('IEND', JUNK)),
  'bytes behind its end': (file) => cat(file, JUNK),
  'another picture behind its end': (file) => cat(file, file),
  'a film behind its end': (file) => cat(file, FILM),
  'bytes behind its compressed data': (file) => png.with(file, cat(png.dataOf(file), JUNK)),
  'a data chunk of nothing': inFrontOfEnd(pngChunk('IDAT', Buffer.alloc(0))),
  'one row more than its header says': (file) =>
    png.with(file, deflateSync(cat(inflateSync(png.dataOf(file)), Buffer.alloc(4000)))),
}; // biome-ignore format: one line a case reads as a table

const PNG_MISSING: Cases = {
  'half of its bytes': (file) => file.subarray(0, file.length / 2),
  'its last bytes': (file) => file.subarray(0, -60),
  'its last rows': (file) => {
    const lines = inflateSync(png.dataOf(file));
    return png.with(file, deflateSync(lines.subarray(0, lines.length - 10)));
  },
  'the end of its compressed data': (file) => png.with(file, png.dataOf(file).subarray(0, -40)),
  'a right checksum of its compressed data': (file) => png.with(file, wrongSum(png.dataOf(file))),
  'a right checksum of its data': (file) => {
    const whole = png.with(file, png.dataOf(file));
    return changed(whole, (copy) => copy.writeUInt8(copy.readUInt8(copy.length - 13) ^ 1, copy.length - 13));
  },
  'a row that its header promises': (file) =>
    changed(file, (copy) => {
      copy.writeUInt32BE(copy.readUInt32BE(20) + 9, 20);
      repairChecksums(copy);
    }),
  'all of its data': (file) => cat(file.subarray(0, file.indexOf('IDAT') - 4), file.subarray(-12)),
}; // biome-ignore format: one line a case reads as a table

const riffLength =
  (change: (length: number) => number): Change =>
  (file) =>
    changed(file, (copy) => copy.writeUInt32LE(change(copy.readUInt32LE(4)), 4));
/** Chunks behind the picture, the length of the file made right. */
const withChunk =
  (type: string, content: string): Change =>
  (file) =>
    riffOf([file.subarray(12), webpChunk(type, text(content))]);

const WEBP_HARMLESS: Cases = {
  'bytes behind its end': (file) => cat(file, JUNK),
  'a film behind its end': (file) => cat(file, FILM),
  'another picture behind its end': (file) => cat(file, file),
  'a length that is too short': riffLength((length) => length - 20),
  'a length that is too long': riffLength((length) => length + 10),
  'a length far beyond its end': riffLength(() => 2 ** 31),
  'no length, as writers of streams leave it': riffLength(() => 0),
  'a chunk that nobody knows': withChunk('abcd', 'xy'),
  'EXIF that is none': withChunk('EXIF', 'rubbish!'),
  'a text that is cut off': (file) => cat(file, 'XMP \xff\0\0\0cut off'),
}; // biome-ignore format: one line a case reads as a table

const WEBP_MISSING: Cases = {
  'half of its bytes': (file) => file.subarray(0, file.length / 2),
  'its last bytes': (file) => file.subarray(0, -20),
  'half of its bytes, and says so': (file) => {
    const half = file.subarray(0, file.length / 2);
    return changed(half, (copy) => copy.writeUInt32LE(copy.length - 8, 4));
  },
  'all of its data': (file) => file.subarray(0, 20),
}; // biome-ignore format: one line a case reads as a table

const corpus = (name: string) => readFileSync(new URL(`corpus/${name}`, import.meta.url));
const small = () => waves(200, 150);
const large = () => waves(1200, 900);
/** Encoded once. */
function kind(image: Sharp): () => Promise<Buffer> {
  let file: Promise<Buffer> | undefined;
  return () => (file ??= image.toBuffer());
}
/** Each kind of file that takes a way of its own through the decoders. */
const JPEGS: Readonly<Record<string, () => Promise<Buffer>>> = {
  'small JPEG': kind(small().jpeg()),
  'small grey JPEG': kind(small().toColourspace('b-w').jpeg()),
  'small CMYK JPEG': kind(small().toColourspace('cmyk').jpeg()),
  'small progressive JPEG': kind(small().jpeg({ progressive: true })),
  'large JPEG': kind(large().jpeg()),
  'large progressive JPEG': kind(large().jpeg({ progressive: true })),
};
const PNGS: Readonly<Record<string, () => Promise<Buffer>>> = {
  'small PNG': kind(small().png()),
  'small PNG with a palette': kind(small().png({ palette: true, colours: 64 })),
  'small PNG with alpha': kind(small().ensureAlpha(0.5).png()),
  'interlaced PNG': kind(small().png({ progressive: true })),
  'large PNG': kind(waves(700, 600).png()),
  'large interlaced PNG': kind(waves(700, 600).png({ progressive: true })),
};
const WEBPS: Readonly<Record<string, () => Promise<Buffer>>> = {
  'small lossy WebP': kind(small().webp()),
  'small lossless WebP': kind(small().webp({ lossless: true })),
  'small WebP with alpha': kind(small().ensureAlpha(0.5).webp()),
  'large lossy WebP': kind(large().webp()),
  'large lossless WebP': kind(large().webp({ lossless: true })),
};

const table = [
  ...Object.entries(JPEGS).map(([name, make]) => ({
    name,
    make,
    harmless: JPEG_HARMLESS,
    missing: JPEG_MISSING,
  })),
  ...Object.entries(PNGS).map(([name, make]) => ({
    name,
    make,
    harmless: PNG_HARMLESS,
    missing: PNG_MISSING,
  })),
  ...Object.entries(WEBPS).map(([name, make]) => ({
    name,
    make,
    harmless: WEBP_HARMLESS,
    missing: WEBP_MISSING,
  })),
  {
    name: 'JPEG with restart marks',
    make: async () => corpus('restarts.jpg'),
    harmless: { ...JPEG_HARMLESS, ...JPEG_RESTARTS },
    missing: { ...JPEG_MISSING, ...JPEG_WITHOUT_RESTARTS },
  },
  { name: 'animated WebP', make: async () => corpus('animated.webp'), harmless: WEBP_HARMLESS, missing: {} },
];
const verdict = (bytes: Uint8Array, by = decode) =>
  by(bytes).then(
    ({ pixels }) => pixels,
    (error: HeadgateError) => error.reason ?? String(error),
  );
/**
 * libvips does not check the last strip: 8 rows, or 64 of a picture that it reads at an eighth of its size. Files without an
 * end mark are checked by libjpeg-turbo too, except for CMYK.
 */
const isUnchecked = (name: string, without: string) =>
  (['small grey JPEG', 'large JPEG'].includes(name) && without === 'its last bytes, but not its end mark') ||
  (name === 'small CMYK JPEG' && without.startsWith('its last bytes'));

describe.each(table)('a $name', ({ name, make, harmless, missing }) => {
  it.each(Object.entries(harmless))('is accepted with %s, and its pixels are the same', async (_, change) => {
    const plain = await make();
    const blemished = change(plain);
    expect(readImageHeader(blemished)).toBeDefined();
    for (const by of [decode, decodeMiddle]) {
      const [expected, pixels] = [await verdict(plain, by), await verdict(blemished, by)];
      if (typeof expected === 'string' || typeof pixels === 'string') throw new Error(`refused: ${pixels}`);
      // Another decoder of the same format rounds otherwise.
      expect(distance(pixels, expected)).toBeLessThan(3);
    }
  });

  const cases = Object.entries(missing).filter(([without]) => !isUnchecked(name, without));
  it.each(cases)('is refused without %s', async (_, change) => {
    expect(await verdict(change(await make()))).toBe('undecodable_image');
  });

  it('is refused where it is cut off, whatever of it the model needs', async () => {
    // Its first frame is whole.
    if (name === 'animated WebP') return;
    const file = await make();
    for (const cut of name.includes('CMYK') ? [file.length >> 2] : [60, file.length >> 2]) {
      expect(await verdict(file.subarray(0, -cut), decodeMiddle)).toBe('undecodable_image');
    }
  });
});
