import { ascii, MOST_PARTS, viewOf } from '@headgate/contracts/image/bytes';
import type { ImageType } from '@headgate/contracts/image/header';
import { eachSegment } from '@headgate/contracts/image/jpeg';

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

/** APP0 to APP15, and COM. */
const isMetadata = (code: number) => (code >= 0xe0 && code <= 0xef) || code === 0xfe;

/** Segments up to the first scan (ITU-T T.81, B.1.1.3); what follows it is pixels, or is not looked at by anybody. */
function jpegExtras(bytes: Uint8Array): Extras {
  let metadataBytes = 0;
  eachSegment(bytes, ({ code, start, end }) => {
    if (isMetadata(code)) metadataBytes += end - start;
    return false;
  });
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

/** RFC 9649, 2.7: everything else, an unknown chunk included, is metadata. What lies behind the file's own end is not. */
const WEBP_PICTURE = codes('VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF');
const [ANIMATION_FRAME] = codes('ANMF');
const WEBP_FRAMING = 8;
const FIRST_CHUNK = 12;

function webpExtras(bytes: Uint8Array): Extras {
  const view = viewOf(bytes);
  let metadataBytes = 0;
  let frames = 0;
  let offset = FIRST_CHUNK;
  const end = Math.min(view.byteLength, WEBP_FRAMING + view.getUint32(4, true));
  for (let parts = 0; offset + WEBP_FRAMING <= end; parts += 1) {
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
