import { ascii, MOST_PARTS, viewOf } from '@headgate/contracts/image/bytes';
import type { ImageType } from '@headgate/contracts/image/header';

/** What an image file holds in addition to the pixels of one picture. */
export interface Extras {
  /** Bytes of segments or chunks that no decoder of pixels needs: EXIF, XMP, colour profiles, text, unknown ones. */
  readonly metadataBytes: number;
  /** Pictures of an animation; 1 for a still. */
  readonly frames: number;
}

/**
 * Counts by the framing of the format alone: nothing is decompressed, and nothing of the content is kept. Where the
 * framing ends or contradicts itself the count ends too; whether the file is whole is for the decoder to say.
 */
export function extrasOf(bytes: Uint8Array, type: ImageType): Extras {
  return COUNTERS[type](bytes);
}

const COUNTERS: Record<ImageType, (bytes: Uint8Array) => Extras> = {
  'image/jpeg': jpegExtras,
  'image/png': pngExtras,
  'image/webp': webpExtras,
};

const MARKER = 0xff;
const START_OF_SCAN = 0xda;
const END_OF_IMAGE = 0xd9;
/** APP0 to APP15, and COM. */
const isMetadata = (code: number) => (code >= 0xe0 && code <= 0xef) || code === 0xfe;
/** TEM and RST0 to RST7 have no length. */
const standsAlone = (code: number) => code === 0x01 || (code >= 0xd0 && code <= 0xd7);

/** Segments up to the first scan (ITU-T T.81, B.1.1.3); what follows it is pixels, or is not looked at by anybody. */
function jpegExtras(bytes: Uint8Array): Extras {
  const view = viewOf(bytes);
  let metadataBytes = 0;
  let offset = 2;
  while (offset + 4 <= bytes.byteLength && bytes[offset] === MARKER) {
    const code = bytes[offset + 1] as number;
    if (code === START_OF_SCAN || code === END_OF_IMAGE) break;
    if (code === MARKER) {
      offset += 1;
    } else if (standsAlone(code)) {
      offset += 2;
    } else {
      const length = 2 + view.getUint16(offset + 2);
      if (isMetadata(code)) metadataBytes += length;
      offset += length;
    }
  }
  return { metadataBytes, frames: 1 };
}

/** What pixels are made of, an animation's frames included (PNG specification, 11). */
const PNG_PICTURE = codes('IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND', 'acTL', 'fcTL', 'fdAT');
const [FRAME_CONTROL, IMAGE_END] = codes('fcTL', 'IEND');
/** Length and type before the data, checksum behind it. */
const PNG_FRAMING = 12;

function pngExtras(bytes: Uint8Array): Extras {
  const view = viewOf(bytes);
  let metadataBytes = 0;
  let frames = 0;
  let offset = 8;
  while (offset + PNG_FRAMING <= bytes.byteLength) {
    const size = PNG_FRAMING + view.getUint32(offset);
    const type = view.getUint32(offset + 4);
    if (!PNG_PICTURE.has(type)) metadataBytes += size;
    else if (type === FRAME_CONTROL) frames += 1;
    else if (type === IMAGE_END) break;
    offset += size;
  }
  return { metadataBytes, frames: Math.max(1, frames) };
}

/** RFC 9649, 2.7: everything else, an unknown chunk included, is metadata. */
const WEBP_PICTURE = codes('VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF');
const [ANIMATION_FRAME] = codes('ANMF');
const WEBP_FRAMING = 8;
const FIRST_CHUNK = 12;

function webpExtras(bytes: Uint8Array): Extras {
  const view = viewOf(bytes);
  let metadataBytes = 0;
  let frames = 0;
  let offset = FIRST_CHUNK;
  for (let parts = 0; offset + WEBP_FRAMING <= view.byteLength; parts += 1) {
    if (parts > MOST_PARTS) return { metadataBytes: Number.POSITIVE_INFINITY, frames };
    const length = view.getUint32(offset + 4, true);
    // Chunks are padded to an even number of bytes.
    const size = WEBP_FRAMING + length + (length % 2);
    const type = view.getUint32(offset);
    if (type === ANIMATION_FRAME) frames += 1;
    else if (!WEBP_PICTURE.has(type)) metadataBytes += size;
    offset += size;
  }
  return { metadataBytes, frames: Math.max(1, frames) };
}

/** Types of chunks as numbers: a text for each takes ten times as long. */
function codes(...types: readonly string[]): Set<number> {
  return new Set(types.map((type) => viewOf(Uint8Array.from(ascii(type))).getUint32(0)));
}
