import { createRequire } from 'node:module';
import { HeadgateError } from '@headgate/contracts/errors';

/** Size and channels of a picture as it is decoded. */
interface RawShape {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/**
 * Decodes a whole JPEG on the thread pool with libjpeg-turbo, at a third of sharp's cost.
 *
 * @param shape what the header says
 * @param out width × height × channels bytes
 * @returns false when libjpeg-turbo objects: damaged data, but also CMYK and other rarities that sharp may read
 */
export type DecodeJpeg = (bytes: Uint8Array, shape: RawShape, out: Buffer) => Promise<boolean>;

/** The part of @julusian/jpeg-turbo that is used. */
interface TurboBinding {
  readonly FORMAT_RGB: number;
  readonly FORMAT_GRAY: number;
  /** @throws when the picture does not fit into `out` */
  decompress(
    image: Buffer,
    out: Buffer,
    options: { readonly format: number },
  ): Promise<{ readonly width: number; readonly height: number }>;
}

/** The native decoder, or undefined on a platform without a prebuilt binary: sharp decodes everything there. */
export function loadJpegDecoder(): DecodeJpeg | undefined {
  const turbo = loadBinding();
  if (!turbo) return undefined;
  return async (bytes, { width, height, channels }, out) => {
    const format = channels === 1 ? turbo.FORMAT_GRAY : turbo.FORMAT_RGB;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      const raw = await turbo.decompress(source, out, { format });
      // Two readers of one header that disagree: neither is to be trusted.
      return raw.width === width && raw.height === height;
    } catch {
      return false;
    }
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
