import { HeadgateError } from '@headgate/contracts/errors';
import type { Orientation } from '@headgate/contracts/image/orientation';
import type { Preprocessing } from '@headgate/contracts/manifest';
import type { Sharp, default as SharpFactory, SharpOptions } from 'sharp';
import { bareOf, hasEnd, isHarmlessBefore } from './bare.ts';
import type { IsWholeJpeg } from './jpeg.ts';
import type { Crop, Size } from './placement.ts';

/** What is known of an image before it is decoded. Its sides are those of the first frame, as it is stored, in pixels. */
export interface Header extends Size {
  readonly format: 'jpeg' | 'png' | 'webp';
  readonly hasAlpha: boolean;
}

/** A part of a picture and what size it becomes. */
export interface Scaling {
  readonly crop: Crop;
  readonly to: Size;
}

/** libvips by way of sharp: reads everything that is accepted, at a cost of 2 ms for each image beside its decode. */
export interface Vips {
  /** @throws HeadgateError undecodable_image */
  headerOf(bytes: Uint8Array, format: Header['format']): Promise<Header>;
  /** Decodes without a resize. @throws HeadgateError undecodable_image */
  decode(bytes: Uint8Array, header: Header): Promise<Uint8Array>;
  /** Decodes, crops and resizes. @throws HeadgateError undecodable_image */
  resize(bytes: Uint8Array, header: Header, scaling: Scaling): Promise<Uint8Array>;
  /**
   * Decodes, turns, crops and resizes. The whole picture is turned, because pixels that are picked without a mean are
   * others when they are picked from the other end.
   *
   * @param scaling of the turned picture
   * @throws HeadgateError undecodable_image
   */
  resizeTurned(
    bytes: Uint8Array,
    header: Header,
    turned: Scaling & { readonly orientation: Orientation },
  ): Promise<Uint8Array>;
}

/** Grey of colours: ITU-R BT.601, as JPEG stores it and Pillow computes it. libvips' own is another by up to 20 levels. */
const LUMA_ROW: [number, number, number] = [0.299, 0.587, 0.114];
const LUMA: [typeof LUMA_ROW, typeof LUMA_ROW, typeof LUMA_ROW] = [LUMA_ROW, LUMA_ROW, LUMA_ROW];

export interface VipsOptions {
  /** libvips refuses more. */
  readonly maxPixels: number;
  readonly isWholeJpeg: IsWholeJpeg | undefined;
}

const FORMATS = ['VipsForeignLoadJpegBuffer', 'VipsForeignLoadPngBuffer', 'VipsForeignLoadWebpBuffer'];

/**
 * Loads sharp when it is used for the first time: an engine that never needs it saves its memory.
 */
export function createVips(
  { channels, resample }: Preprocessing,
  { maxPixels, isWholeJpeg }: VipsOptions,
): Vips {
  const options: SharpOptions = {
    limitInputPixels: maxPixels,
    pages: 1,
    sequentialRead: true,
    ignoreIcc: true,
  };
  let loading: Promise<typeof SharpFactory> | undefined;
  const load = () => {
    loading ??= loadSharp();
    return loading;
  };
  /** Runs a pipeline from the file to pixels of `size`. */
  const decoded = async (
    bytes: Uint8Array,
    header: Header,
    size: Size,
    pipeline: (image: Sharp) => Sharp,
  ) => {
    const { format, hasAlpha } = header;
    const sharp = await load();
    const pixels = await tolerant(bytes, format, (file, failOn) => {
      const image = sharp(file, { ...options, failOn });
      const resized = pipeline(hasAlpha ? image.flatten({ background: '#000' }) : image);
      const coloured = resized.toColourspace('srgb').removeAlpha();
      const channel = channels === 1 ? coloured.recomb(LUMA).extractChannel(0) : coloured;
      return channel.raw({ depth: 'uchar' }).toBuffer();
    });
    if (!(await isWhole(bytes, header))) throw undecodable();
    const { width, height } = size;
    if (pixels.byteLength === width * height * channels) return pixels;
    throw new Error(`decoded ${pixels.byteLength} bytes, expected ${width} x ${height} x ${channels}`);
  };
  /** Rows that the model does not need are not read. A file that is cut off is read to its end once more. */
  const isWhole = async (bytes: Uint8Array, { format, height }: Header): Promise<boolean> => {
    if (hasEnd(bytes, format)) return true;
    const bare = bareOf(bytes, format);
    const verdict = bare && format === 'jpeg' ? await isWholeJpeg?.(bare) : undefined;
    if (verdict !== undefined) return verdict;
    const sharp = await load();
    const lastPixel = { left: 0, top: height - 1, width: 1, height: 1 };
    const read = sharp(bare ?? bytes, { ...options, failOn: 'warning' })
      .extract(lastPixel)
      .raw()
      .toBuffer();
    return read.then(
      () => true,
      () => false,
    );
  };
  const cropThenResize = (image: Sharp, { crop, to }: Scaling) =>
    image.extract(crop).resize(to.width, to.height, { kernel: resample, fit: 'fill' });

  return {
    async headerOf(bytes, format) {
      const sharp = await load();
      // The pixel limit is ours to report, so the header is read without libvips' own.
      const {
        width,
        pageHeight,
        height,
        hasAlpha = false,
      } = await tolerant(bytes, format, (file, failOn) =>
        sharp(file, { ...options, failOn, limitInputPixels: false }).metadata(),
      );
      return { format, width, height: pageHeight ?? height, hasAlpha };
    },
    decode: (bytes, header) => decoded(bytes, header, header, (image) => image),
    resize: (bytes, header, scaling) =>
      decoded(bytes, header, scaling.to, (image) =>
        decodesScaled(header, scaling) && header.format !== 'png'
          ? resizeThenCrop(image, header, scaling, resample)
          : cropThenResize(image, scaling),
      ),
    resizeTurned: (bytes, header, { orientation, ...scaling }) =>
      decoded(bytes, header, scaling.to, (image) => cropThenResize(TURNS[orientation](image), scaling)),
  };
}

/** sharp turns before it cuts out only where there is a rotation; it mirrors before it turns, whatever is written first. */
const TURNS: Record<Orientation, (image: Sharp) => Sharp> = {
  1: (image) => image,
  2: (image) => image.rotate(180).flip(),
  3: (image) => image.rotate(180),
  4: (image) => image.rotate(180).flop(),
  5: (image) => image.rotate(90).flip(),
  6: (image) => image.rotate(90),
  7: (image) => image.rotate(90).flop(),
  8: (image) => image.rotate(270),
};

type FailOn = 'warning' | 'error';

/** Bytes in front of a marker that fit nowhere. Only the first objection of libjpeg is in the message. */
const EXTRA_BYTES = /extraneous bytes before marker 0x([0-9a-f]{2})/;

/**
 * Reads strictly, and what is refused a second time as the bare picture: only missing picture data is an error, not
 * blemishes of the file around it (decision 0119).
 */
async function tolerant<T>(
  bytes: Uint8Array,
  format: Header['format'],
  read: (bytes: Uint8Array, failOn: FailOn) => Promise<T>,
): Promise<T> {
  const refusal = (error: Error) => error;
  const first = await read(bytes, 'warning').catch(refusal);
  if (!(first instanceof Error)) return first;
  const bare = bareOf(bytes, format);
  if (!bare) throw undecodable(first);
  const second = await read(bare, 'warning').catch(refusal);
  if (!(second instanceof Error)) return second;
  const [, code] = EXTRA_BYTES.exec(second.message) ?? [];
  if (!code || !isHarmlessBefore(Number.parseInt(code, 16), bare)) throw undecodable(second);
  return read(bare, 'error').catch((cause) => {
    throw undecodable(cause);
  });
}

/**
 * From this ratio of crop to target on, sharp decodes at a fraction of the size (it drops DCT coefficients): 13
 * instead of 50 CPU-ms for 12 megapixels. Below, that saves 1 ms and moves the scores of a detailed photo by 0.07.
 */
const SCALED_DECODE_RATIO = 5;

/** Short side of a picture from which `decodesScaled` holds, whatever its proportions. */
export function scaledFrom({ width, height, fit, crop_fraction }: Preprocessing): number {
  return (SCALED_DECODE_RATIO * Math.max(width, height)) / (fit === 'crop' ? crop_fraction : 1);
}

/**
 * Up to so many pixels a picture is decoded whole, also where a fraction of its size would do: sharp's pipeline costs more,
 * and the crop of a picture of a fraction is less exact.
 */
export const SMALL_PIXELS = 2 ** 20;

/** Whether a JPEG or WebP is best decoded at a fraction of its size. */
export function decodesScaled({ width, height }: Size, { crop, to }: Scaling): boolean {
  if (width * height <= SMALL_PIXELS) return false;
  return crop.width >= SCALED_DECODE_RATIO * to.width && crop.height >= SCALED_DECODE_RATIO * to.height;
}

/**
 * Process-wide settings of libvips. One thread per image: images are decoded side by side on the thread pool, and a
 * pipeline with threads of its own would only make them wait for each other. No operation cache: no image comes twice.
 * Loaders for anything but the three accepted formats are switched off.
 */
async function loadSharp(): Promise<typeof SharpFactory> {
  const { default: sharp } = await import('sharp');
  sharp.concurrency(1);
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: FORMATS });
  return sharp;
}

/** Same pixels within rounding, but lets the loader decode at a fraction of the size. */
function resizeThenCrop(
  image: Sharp,
  from: Size,
  { crop, to }: Scaling,
  kernel: Preprocessing['resample'],
): Sharp {
  const scaleX = to.width / crop.width;
  const scaleY = to.height / crop.height;
  const width = Math.max(to.width, Math.round(from.width * scaleX));
  const height = Math.max(to.height, Math.round(from.height * scaleY));
  return image.resize(width, height, { kernel, fit: 'fill' }).extract({
    left: Math.min(Math.round(crop.left * scaleX), width - to.width),
    top: Math.min(Math.round(crop.top * scaleY), height - to.height),
    width: to.width,
    height: to.height,
  });
}

function undecodable(cause?: unknown): HeadgateError {
  return new HeadgateError('undecodable_image', 'The image is damaged, cut off or of an unsupported kind.', {
    cause,
  });
}
