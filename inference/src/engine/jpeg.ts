import { createRequire } from 'node:module';

/** Decoded JPEG as sharp takes raw input. */
export interface RawImage {
  readonly data: Buffer;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/**
 * Decodes a whole JPEG on the thread pool with libjpeg-turbo, at a third of sharp's cost.
 *
 * @returns undefined when libjpeg-turbo objects: damaged data, but also CMYK and other rarities that sharp may read
 */
export type DecodeJpeg = (bytes: Uint8Array, channels: 1 | 3) => Promise<RawImage | undefined>;

/** The part of @julusian/jpeg-turbo that is used. */
interface TurboBinding {
  readonly FORMAT_RGB: number;
  readonly FORMAT_GRAY: number;
  decompress(
    image: Buffer,
    options: { readonly format: number },
  ): Promise<{ readonly data: Buffer; readonly width: number; readonly height: number }>;
}

/** The native decoder, or undefined on a platform without a prebuilt binary: sharp decodes everything there. */
export function loadJpegDecoder(): DecodeJpeg | undefined {
  const turbo = loadBinding();
  if (!turbo) return undefined;
  return async (bytes, channels) => {
    try {
      const format = channels === 1 ? turbo.FORMAT_GRAY : turbo.FORMAT_RGB;
      const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      const { data, width, height } = await turbo.decompress(source, { format });
      return { data, width, height, channels };
    } catch {
      return undefined;
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
