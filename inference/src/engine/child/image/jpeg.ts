import { createRequire } from 'node:module';

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
