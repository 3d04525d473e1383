import { createRequire } from 'node:module';
import { readJpegFrame } from '@headgate/contracts/image/jpeg';
import type { Size } from './placement.ts';

/** Size and channels of a picture as it is decoded. */
interface RawShape extends Size {
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

/** Whether libjpeg-turbo decodes all of a JPEG without an objection; undefined for CMYK, which it does not know here. */
export type IsWholeJpeg = (bytes: Uint8Array) => Promise<boolean | undefined>;

export interface JpegDecoder {
  readonly decode: DecodeJpeg;
  readonly isWhole: IsWholeJpeg;
}

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
export function loadJpegDecoder(): JpegDecoder | undefined {
  const turbo = loadBinding();
  if (!turbo) return undefined;
  const decoded = async (bytes: Uint8Array, { width, height }: Size, out: Buffer, format: number) => {
    const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      const raw = await turbo.decompress(source, out, { format });
      // Two readers of one header that disagree: neither is to be trusted.
      return raw.width === width && raw.height === height;
    } catch {
      return false;
    }
  };
  return {
    decode: (bytes, shape, out) =>
      decoded(bytes, shape, out, shape.channels === 1 ? turbo.FORMAT_GRAY : turbo.FORMAT_RGB),
    async isWhole(bytes) {
      const frame = readJpegFrame(bytes);
      if (!frame || frame.components === 4) return undefined;
      return decoded(bytes, frame, Buffer.allocUnsafe(frame.width * frame.height), turbo.FORMAT_GRAY);
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
