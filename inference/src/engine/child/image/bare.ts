import { ascii, hasBytes, MOST_PARTS, viewOf } from '@headgate/contracts/image/bytes';
import { countScans, readJpegFrame } from '@headgate/contracts/image/jpeg';

/**
 * The picture alone, its container put right: what a decoder needs for pixels and nothing else. What a strict decoder
 * objects to in it is missing or damaged picture data; what it objected to in the file before may have been harmless.
 *
 * @returns undefined where the file has no picture, or nothing could be wrong but the picture
 */
export function bareOf(bytes: Uint8Array, format: 'jpeg' | 'png' | 'webp'): Uint8Array | undefined {
  if (format === 'jpeg') return bareJpeg(bytes);
  return format === 'webp' ? bareWebp(bytes) : undefined;
}

/** Whether the file goes on to the mark that ends it. A WebP that does not is refused by its decoder. */
export function hasEnd(bytes: Uint8Array, format: 'jpeg' | 'png' | 'webp'): boolean {
  if (format === 'webp') return true;
  if (format === 'png') return hasEndChunk(bytes);
  const frame = readJpegFrame(bytes);
  const end = frame ? countScans(bytes, frame).end : 0;
  return bytes[end - 2] === MARKER && bytes[end - 1] === EOI;
}

const IEND = ascii('IEND');

function hasEndChunk(bytes: Uint8Array): boolean {
  const view = viewOf(bytes);
  let at = 8;
  for (let parts = 0; parts < MOST_PARTS && at + 8 <= bytes.byteLength; parts += 1) {
    if (hasBytes(bytes, at + 4, IEND)) return true;
    at += 12 + view.getUint32(at);
  }
  return false;
}

const MARKER = 0xff;
const [SOI, EOI, SOS] = [0xd8, 0xd9, 0xda] as const;
const [APP0, APP14, APP15, COMMENT] = [0xe0, 0xee, 0xef, 0xfe] as const;
/** Begins the segment that says after how many blocks a restart mark stands. */
const RESTARTS = Buffer.of(MARKER, 0xdd, 0, 4);
const isRestart = (code: number) => code >= 0xd0 && code <= 0xd7;
/** Shortest header of a scan. */
const SCAN_BYTES = 6;
const JFIF = ascii('JFIF\0');
const ADOBE = ascii('Adobe');
const JFIF_SEGMENT = Buffer.from('ffe000104a46494600010100000100010000', 'hex');

/**
 * Keeps tables, frame and scans. The Adobe and JFIF segments choose the colour space and are kept, in the form that is
 * defined; a scan of a sequential picture has the one set of parameters that is allowed.
 */
function bareJpeg(bytes: Uint8Array): Uint8Array | undefined {
  const frame = readJpegFrame(bytes);
  if (!frame) return undefined;
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Buffer[] = [Buffer.of(MARKER, SOI)];
  let at = 2;
  for (let parts = 0; parts < MOST_PARTS; parts += 1) {
    at = file.indexOf(MARKER, at);
    const code = file[at + 1];
    if (at < 0 || code === undefined || code === EOI) break;
    if (code === MARKER) at += 1;
    else if (code <= 0x01 || isRestart(code)) at += 2;
    else {
      const length = at + 4 > file.length ? 0 : file.readUInt16BE(at + 2);
      if (length < (code === SOS ? SCAN_BYTES : 2)) return undefined;
      const end = at + 2 + length;
      const segment = Buffer.from(file.subarray(at, end));
      const isMetadata = (code >= APP0 && code <= APP15) || code === COMMENT;
      if (code === APP0 && hasBytes(segment, 4, JFIF)) kept.push(JFIF_SEGMENT);
      else if (code === APP14 && hasBytes(segment, 4, ADOBE) && segment.length >= 16) {
        const most = frame.components === 4 ? 2 : 1;
        if (segment[15] !== 0) segment[15] = most;
        kept.push(segment);
      } else if (!isMetadata) {
        if (code === SOS && !frame.isProgressive && !frame.isRare)
          segment.set([0, 63, 0], segment.length - 3);
        kept.push(segment);
      }
      at = end;
      if (code === SOS) {
        at = endOfScan(file, end);
        if (at < 0) return undefined;
        kept.push(file.subarray(end, at));
      }
    }
  }
  kept.push(Buffer.of(MARKER, EOI));
  return Buffer.concat(kept);
}

/** Where the marker begins that ends the coded pixels; -1 in a file that only makes its readers search. */
function endOfScan(file: Buffer, start: number): number {
  let at = file.indexOf(MARKER, start);
  for (let steps = 0; at >= 0; steps += 1) {
    const code = file[at + 1];
    if (code !== undefined && code !== 0 && code !== MARKER && !isRestart(code)) return at;
    if (steps > MOST_PARTS) return -1;
    at = file.indexOf(MARKER, code === MARKER ? at + 1 : at + 2);
  }
  return file.length;
}

/**
 * Whether bytes that are too many in front of a marker are harmless. Where a restart mark is missing, they are pixels that
 * the decoder lost.
 *
 * @param bare what `bareOf` gave
 * @param code second byte of the marker
 */
export function isHarmlessBefore(code: number, bare: Uint8Array): boolean {
  const file = Buffer.from(bare.buffer, bare.byteOffset, bare.byteLength);
  if (!file.includes(RESTARTS)) return true;
  let expected = 0;
  let at = file.indexOf(MARKER, 2);
  for (let steps = 0; at >= 0 && steps <= MOST_PARTS; steps += 1) {
    const found = file[at + 1] as number;
    if (found === SOS) expected = 0;
    if (isRestart(found)) {
      if (found !== 0xd0 + expected) return false;
      expected = (expected + 1) % 8;
    }
    at = file.indexOf(MARKER, at + 2);
  }
  return at < 0 && isRestart(code);
}

const [VP8, VP8L, VP8X, ALPH, ANIM, ANMF] = ['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF'].map((type) =>
  viewOf(Uint8Array.from(ascii(type))).getUint32(0),
) as [number, number, number, number, number, number];
/** Of the flags of an extended file, those that concern pixels: alpha and animation. */
const PIXEL_FLAGS = 0x12;

/** Keeps the chunks of the picture, or of the first frame, that are whole; the length of the file is made right. */
function bareWebp(bytes: Uint8Array): Uint8Array | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Buffer[] = [Buffer.from('RIFF\0\0\0\0WEBP', 'latin1')];
  let isFound = false;
  let offset = 12;
  for (let parts = 0; parts < MOST_PARTS && !isFound && offset + 8 <= file.length; parts += 1) {
    const type = file.readUInt32BE(offset);
    const end = offset + 8 + file.readUInt32LE(offset + 4);
    if (end > file.length) return undefined;
    const chunk = Buffer.from(file.subarray(offset, end));
    if (type === VP8X && chunk.length > 8) chunk[8] = (chunk[8] as number) & PIXEL_FLAGS;
    if ([VP8, VP8L, VP8X, ALPH, ANIM, ANMF].includes(type)) kept.push(chunk, Buffer.alloc(chunk.length % 2));
    isFound = type === VP8 || type === VP8L || type === ANMF;
    offset = end + ((end - offset) % 2);
  }
  if (!isFound) return undefined;
  const bare = Buffer.concat(kept);
  bare.writeUInt32LE(bare.length - 8, 4);
  return bare;
}
