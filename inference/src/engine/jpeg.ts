import { createRequire } from 'node:module';

/** Size and channels of a picture as it is decoded. */
export interface RawShape {
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
}

/** Decoded pixels as sharp takes raw input. Valid until the function that gets them has settled. */
export interface RawImage extends RawShape {
  readonly data: Buffer;
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

/** Buffers of up to this size are kept for the next picture: 2.7 megapixels in colour. */
const KEPT_BYTES = 8 * 2 ** 20;
/** Buffers that are kept at most; as many as decode at once, on machines with few cores. */
const KEPT_BUFFERS = 4;

/** The native decoder, or undefined on a platform without a prebuilt binary: sharp decodes everything there. */
export function loadJpegDecoder(): DecodeJpeg | undefined {
  const turbo = loadBinding();
  if (!turbo) return undefined;
  const buffers = createBufferPool();
  return async (bytes, shape, use) => {
    const format = shape.channels === 1 ? turbo.FORMAT_GRAY : turbo.FORMAT_RGB;
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const out = buffers.take(shape.width * shape.height * shape.channels);
    try {
      const raw = await decompress(turbo, source, { out, format });
      // Two readers of one header that disagree: neither is to be trusted.
      if (raw?.width !== shape.width || raw.height !== shape.height) return undefined;
      return await use({ ...shape, data: raw.data });
    } finally {
      buffers.give(out);
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
 * Buffers that are used again: a fresh megabyte for each picture would come from the system page by page, which
 * costs a quarter of the decode.
 */
function createBufferPool() {
  const free: Buffer[] = [];
  return {
    take(bytes: number): Buffer {
      const fits = free.findIndex(({ byteLength }) => byteLength >= bytes);
      return fits < 0 ? Buffer.allocUnsafeSlow(bytes) : (free.splice(fits, 1)[0] as Buffer);
    },
    give(buffer: Buffer): void {
      if (buffer.byteLength > KEPT_BYTES) return;
      free.push(buffer);
      if (free.length <= KEPT_BUFFERS) return;
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
