import { HeadgateError } from '@headgate/contracts/errors';
import { readJpegFrame } from '@headgate/contracts/image/jpeg';
import { type Orientation, orientationOf } from '@headgate/contracts/image/orientation';
import type { Preprocessing } from '@headgate/contracts/manifest';
import { loadJpegDecoder } from './jpeg.ts';
import { place, placementOf, storedCrop, turnedSize } from './placement.ts';
import { type Png, readPng } from './png/file.ts';
import { canBecome, decodePng } from './png/pixels.ts';
import { createAxes } from './resize/axis.ts';
import { CanvasPool } from './resize/canvas.ts';
import { createVips, decodesScaled, type Header, type Scaling, SMALL_PIXELS, type Vips } from './vips.ts';

/** An image as the model gets it. */
export interface Decoded {
  readonly pixels: Uint8Array;
  /** Of the image as it was sent, in pixels; as it is shown, where the model applies the orientation. */
  readonly width: number;
  readonly height: number;
}

/**
 * Encoded image → uint8 pixels, row by row, channels last, exactly as large as the model wants: turned as EXIF says unless
 * the manifest says otherwise, cut or fitted as `fit` says, and resized. Alpha is blended over black. Colour profiles are
 * not applied (decision 0119); an animation or multi-page file counts as its first frame.
 */
export type Decode = (bytes: Uint8Array) => Promise<Decoded>;

export interface DecodeOptions {
  readonly preprocessing: Preprocessing;
  /** Images with more pixels are refused by their header, before any decode. */
  readonly maxPixels: number;
  /** Images with a longer side are refused in the same way. */
  readonly maxSide: number;
}

/** Decodes a whole picture into memory of its size. @returns false when sharp shall try, or say what is wrong */
type Fill = (out: Buffer) => boolean | Promise<boolean>;

/** The returned function throws HeadgateError: unsupported_media_type, undecodable_image or image_too_large. */
export function createDecoder({ preprocessing, ...limits }: DecodeOptions): Decode {
  const { channels, resample } = preprocessing;
  const jpeg = loadJpegDecoder();
  const vips = createVips(preprocessing, { maxPixels: limits.maxPixels, isWholeJpeg: jpeg?.isWhole });
  const axis = resample === 'nearest' ? undefined : createAxes(resample);
  const canvases = new CanvasPool();

  /** The cheapest decoder of this picture; undefined: sharp does all. */
  const fillOf = (bytes: Uint8Array, header: HeaderWithPng, scaling: Scaling): Fill | undefined => {
    const { format, width, height, png } = header;
    if (png) return canBecome(png, channels) ? (out) => decodePng(png, channels, out) : undefined;
    if (format === 'png' || decodesScaled(header, scaling)) return undefined;
    if (format === 'jpeg') return jpeg && ((out) => jpeg.decode(bytes, { width, height, channels }, out));
    // Of a larger WebP, sharp resizes while it decodes.
    if (width * height > SMALL_PIXELS) return undefined;
    return async (out) => {
      out.set(await vips.decode(bytes, header));
      return true;
    };
  };

  /** The part that is kept, resized, as it is stored. */
  const resized = async (bytes: Uint8Array, header: HeaderWithPng, scaling: Scaling): Promise<Uint8Array> => {
    const fill = axis && fillOf(bytes, header, scaling);
    if (!axis || !fill) return vips.resize(bytes, header, scaling);
    const { width } = header;
    const byteLength = width * header.height * channels;
    const canvas = canvases.take(byteLength);
    try {
      const filled = fill(canvas.picture(byteLength));
      const isFilled = typeof filled === 'boolean' ? filled : await filled;
      if (isFilled) return canvas.resize({ width, channels, ...scaling, axis });
    } finally {
      canvases.give(canvas);
    }
    return vips.resize(bytes, header, scaling);
  };

  return async (bytes) => {
    const header = await readHeader(bytes, vips, limits);
    const orientation: Orientation =
      preprocessing.orientation === 'apply' ? orientationOf(bytes, `image/${header.format}`) : 1;
    const shown = turnedSize(header, orientation);
    const placement = placementOf(shown, preprocessing);
    if (!axis) {
      const pixels = await vips.resizeTurned(bytes, header, { ...placement, orientation });
      return { pixels: place({ pixels, orientation: 1 }, placement, preprocessing), ...shown };
    }
    // A whole photo is not turned: what is left of it is a hundredth.
    const crop = storedCrop(placement.crop, header, orientation);
    const pixels = await resized(bytes, header, { crop, to: turnedSize(placement.to, orientation) });
    return { pixels: place({ pixels, orientation }, placement, preprocessing), ...shown };
  };
}

interface HeaderWithPng extends Header {
  /** Of a small, common PNG. */
  readonly png?: Png;
}

/** Refuses what is no image or has too many pixels, before anything is decoded. */
async function readHeader(
  bytes: Uint8Array,
  vips: Vips,
  { maxPixels, maxSide }: Pick<DecodeOptions, 'maxPixels' | 'maxSide'>,
): Promise<HeaderWithPng> {
  const format = formatOf(bytes);
  if (!format) {
    throw new HeadgateError('unsupported_media_type', 'The bytes are not a JPEG, PNG or WebP image.');
  }
  const header = ownHeader(bytes, format) ?? (await vips.headerOf(bytes, format));
  const { width, height } = header;
  if (width * height > maxPixels) {
    throw new HeadgateError(
      'image_too_large',
      `The image has ${width} x ${height} pixels; at most ${maxPixels} pixels are accepted.`,
    );
  }
  if (Math.max(width, height) > maxSide) {
    throw new HeadgateError(
      'image_too_large',
      `The image has ${width} x ${height} pixels; at most ${maxSide} along a side are accepted.`,
    );
  }
  return header;
}

/** Headers that are read without sharp. */
function ownHeader(bytes: Uint8Array, format: Header['format']): HeaderWithPng | undefined {
  const frame = format === 'jpeg' ? readJpegFrame(bytes) : undefined;
  if (frame) return { format, width: frame.width, height: frame.height, hasAlpha: false };
  const png = format === 'png' ? readPng(bytes) : undefined;
  return png && { format, width: png.width, height: png.height, hasAlpha: png.hasAlpha, png };
}

const MAGIC = {
  jpeg: Buffer.from('\xff\xd8\xff', 'latin1'),
  png: Buffer.from('\x89PNG\r\n', 'latin1'),
  riff: Buffer.from('RIFF', 'latin1'),
  webp: Buffer.from('WEBP', 'latin1'),
};

function formatOf(bytes: Uint8Array): Header['format'] | undefined {
  const has = (offset: number, magic: Buffer) => magic.equals(bytes.subarray(offset, offset + magic.length));
  if (has(0, MAGIC.jpeg)) return 'jpeg';
  if (has(0, MAGIC.png)) return 'png';
  return has(0, MAGIC.riff) && has(8, MAGIC.webp) ? 'webp' : undefined;
}
