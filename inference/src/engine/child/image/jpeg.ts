import { createRequire } from 'node:module';
import { HeadgateError } from '@headgate/contracts/errors';
import { Canvas } from './resize/canvas.ts';

/** Size and channels of a picture as it is decoded. */
export interface RawShape {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** Decoded pixels as sharp takes raw input. Valid until the function that gets them has settled. */
export interface RawImage extends RawShape {
  readonly data: Buffer;
  /** Where they lie, and can be resized without a copy if there are three channels. */
  readonly canvas: Canvas;
}

export type UseRaw<T> = (raw: RawImage) => Promise<T>;

/**
 * Decodes a whole JPEG on the thread pool with libjpeg-turbo, at a third of sharp's cost, and passes it to `use`.
 *
 * @param shape what the header says
 * @returns what `use` returns; undefined when libjpeg-turbo objects: damaged data, but also CMYK and other rarities
 * that sharp may read
 */
export type DecodeJpeg = <T>(bytes: Uint8Array, shape: RawShape, use: UseRaw<T>) => Promise<T | undefined>;

/** The part of @julusian/jpeg-turbo that is used. */
interface TurboBinding {
  readonly FORMAT_RGB: number;
  readonly FORMAT_GRAY: number;
  /** @throws when the picture does not fit into `out` */
  decompress(
    image: Buffer,
    out: Buffer,
    options: { readonly format: number },
  ): Promise<{ readonly data: Buffer; readonly width: number; readonly height: number }>;
}

/** Canvases of up to this size are kept for the next picture: 2.5 megapixels in colour. */
const KEPT_BYTES = 8 * 2 ** 20;
/** Canvases that are kept at most; as many as decode at once, on machines with few cores. */
const KEPT_CANVASES = 4;

/** The native decoder, or undefined on a platform without a prebuilt binary: sharp decodes everything there. */
export function loadJpegDecoder(): DecodeJpeg | undefined {
  const turbo = loadBinding();
  if (!turbo) return undefined;
  const canvases = createCanvasPool();
  return async (bytes, shape, use) => {
    const format = shape.channels === 1 ? turbo.FORMAT_GRAY : turbo.FORMAT_RGB;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const bytesOfPicture = shape.width * shape.height * shape.channels;
    const canvas = canvases.take(bytesOfPicture);
    try {
      const out = canvas.picture(bytesOfPicture);
      const raw = await decompress(turbo, source, { out, format });
      // Two readers of one header that disagree: neither is to be trusted.
      if (raw?.width !== shape.width || raw.height !== shape.height) return undefined;
      return await use({ ...shape, data: raw.data, canvas });
    } finally {
      canvases.give(canvas);
    }
  };
}

async function decompress(
  turbo: TurboBinding,
  source: Buffer,
  { out, format }: { out: Buffer; format: number },
) {
  try {
    return await turbo.decompress(source, out, { format });
  } catch {
    return undefined;
  }
}

/**
 * Canvases that are used again: a fresh megabyte for each picture would come from the system page by page, which
 * costs a quarter of the decode.
 */
function createCanvasPool() {
  const free: Canvas[] = [];
  return {
    take(bytes: number): Canvas {
      const fits = free.findIndex(({ byteLength }) => byteLength >= bytes);
      return free.splice(Math.max(0, fits), 1)[0] ?? new Canvas();
    },
    give(canvas: Canvas): void {
      if (canvas.byteLength > KEPT_BYTES) return;
      free.push(canvas);
      if (free.length <= KEPT_CANVASES) return;
      // The largest fit every picture.
      free.sort((a, b) => b.byteLength - a.byteLength).pop();
    },
  };
}

function loadBinding(): TurboBinding | undefined {
  try {
    return createRequire(import.meta.url)('@julusian/jpeg-turbo') as TurboBinding;
  } catch {
    return undefined;
  }
}

/**
 * Passes over the largest picture that one picture may cost. Photos have ten or so when they are progressive, else
 * one; a file can claim thousands in a few bytes each, and a decoder would follow it for minutes.
 */
const PASSES = 32;

/** The marker that begins a scan; it cannot occur in coded pixels. */
const START_OF_SCAN = Buffer.of(0xff, 0xda);

/**
 * Refuses a JPEG whose scans would take far longer than its size suggests. Markers in its metadata, of a preview,
 * count too: that is never too few, and a handful at most.
 *
 * @throws HeadgateError undecodable_image
 */
export function refuseEndlessScans(bytes: Uint8Array, pixels: number, maxPixels: number): void {
  const most = Math.floor((PASSES * maxPixels) / pixels);
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let scans = 0;
  for (let at = file.indexOf(START_OF_SCAN); at >= 0; at = file.indexOf(START_OF_SCAN, at + 2)) {
    scans += 1;
    if (scans > most) {
      throw new HeadgateError(
        'undecodable_image',
        `The image is stored in more than ${most} passes; save it as a common JPEG.`,
      );
    }
  }
}
