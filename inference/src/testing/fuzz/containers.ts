import { crc32 } from 'node:zlib';

/** One length-prefixed part of a file. */
export interface Part {
  /** Offset of the length field. */
  readonly lengthAt: number;
  readonly lengthBytes: 2 | 4;
  readonly littleEndian: boolean;
  readonly end: number;
}

/** Parts of a JPEG (segments), PNG or WebP (chunks), as far as they can be followed. */
export function partsOf(file: Buffer): Part[] {
  if (file[0] === 0xff) return segments(file);
  return file[0] === 0x89 ? chunks(file, 8, false) : chunks(file, 12, true);
}

function segments(file: Buffer): Part[] {
  const parts: Part[] = [];
  for (let at = 2; at + 4 <= file.length && file[at] === 0xff && parts.length < 100; ) {
    const end = at + 2 + file.readUInt16BE(at + 2);
    parts.push({ lengthAt: at + 2, lengthBytes: 2, littleEndian: false, end });
    if (file[at + 1] === 0xda) break;
    at = end;
  }
  return parts;
}

/** PNG: length, name, data, checksum. RIFF: name, length, data, padding to an even offset. */
function chunks(file: Buffer, from: number, littleEndian: boolean): Part[] {
  const parts: Part[] = [];
  for (let at = from; at + 8 <= file.length && parts.length < 100; ) {
    const lengthAt = littleEndian ? at + 4 : at;
    const length = littleEndian ? file.readUInt32LE(lengthAt) : file.readUInt32BE(lengthAt);
    const end = at + 8 + length + (littleEndian ? length & 1 : 4);
    parts.push({ lengthAt, lengthBytes: 4, littleEndian, end });
    at = end;
  }
  return parts;
}

/** Makes the checksums of a PNG true again, in place: a decoder would look no further than the first wrong one. */
export function repairChecksums(file: Buffer): void {
  if (file[0] !== 0x89) return;
  for (const { lengthAt, end } of chunks(file, 8, false)) {
    if (end <= file.length) file.writeUInt32BE(crc32(file.subarray(lengthAt + 4, end - 4)), end - 4);
  }
}

/** Offsets of the two sides of a JPEG in its frame header; undefined when there is none. */
export function jpegSidesAt(file: Buffer): { readonly height: number; readonly width: number } | undefined {
  for (const { lengthAt } of segments(file)) {
    const marker = file[lengthAt - 1] as number;
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker))
      return { height: lengthAt + 3, width: lengthAt + 5 };
  }
  return undefined;
}
