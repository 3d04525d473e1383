import { type HeadgateError, toHeadgateError } from '@headgate/contracts/errors';
import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import { MAX_IMAGE_SIDE } from '@headgate/contracts/limits';
import type { AppContext, Layer } from '../../context.ts';
import { checkImage } from '../../validate/image.ts';
import { parseMediaType } from '../../validate/media-type.ts';
import { imagesOf, type UploadedImage } from '../../validate/multipart.ts';

export interface ImageItem {
  readonly filename: string | null;
  /** The encoded image, as a view on the body. */
  readonly bytes: Uint8Array;
  /** Why it is not worth sending on; undefined when it looks right from outside. */
  readonly refusal: HeadgateError | undefined;
  /** What decoding it will cost; undefined where it is refused. */
  readonly cost: DecodeCost | undefined;
}

/** EXIF, profiles, comments: depth maps of phones and profiles of printers fit. */
const MAX_METADATA_BYTES = 4 * 2 ** 20;

/** Crafted files take up to 15 ms each to look at; then other requests have their turn before the next one. */
const MAX_TURN_MS = 10;

export interface ValidateOptions {
  /** Most images in one request. */
  readonly images_per_request: number;
  /** Most pixels of one image, by its header. */
  readonly image_pixels: number;
  /** Most frames of one image. */
  readonly image_frames: number;
}

/**
 * Reads the images of the request: several in a multipart body, one in any other (decision 0123). What is wrong with the request
 * throws; what is wrong with one image stays with that image.
 */
export function validate({ images_per_request, ...options }: ValidateOptions): Layer {
  const limits = {
    maxPixels: options.image_pixels,
    maxSide: MAX_IMAGE_SIDE,
    maxMetadataBytes: MAX_METADATA_BYTES,
    maxFrames: options.image_frames,
  };
  const judge = ({ filename, bytes, refusal }: UploadedImage): ImageItem => {
    if (refusal) return { filename, bytes, refusal, cost: undefined };
    try {
      const cost = checkImage(bytes, limits);
      return { filename, bytes, refusal: undefined, cost };
    } catch (thrown) {
      return { filename, bytes, refusal: toHeadgateError(thrown), cost: undefined };
    }
  };

  const uploadedBy = async (c: AppContext): Promise<UploadedImage[]> => {
    const { essence, boundary } = parseMediaType(c.req.header('content-type'));
    const body = await c.get('readBody')();
    if (!essence.startsWith('multipart/')) return [{ bytes: body, filename: null }];
    return imagesOf(body, { boundary, maxImages: images_per_request });
  };

  return async function validate(c, next) {
    const images: ImageItem[] = [];
    const uploaded = await uploadedBy(c);
    let turnMs = performance.now();
    for (const image of uploaded) {
      if (performance.now() - turnMs > MAX_TURN_MS) {
        await new Promise((resolve) => setTimeout(resolve));
        turnMs = performance.now();
      }
      images.push(judge(image));
    }
    c.set('images', images);
    await next();
  };
}
