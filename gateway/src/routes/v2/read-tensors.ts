import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { AppContext, Layer } from '../../context.ts';
import { parseMediaType } from '../../validate/media-type.ts';
import { frameOf } from './frame.ts';
import { type InferRequest, readInferRequest } from './infer-request.ts';
import { inflate } from './inflate.ts';

/** Parsing holds up every other request; larger tensors travel in binary. */
const MAX_JSON_BYTES = 4 * 2 ** 20;

export interface ReadTensorsOptions {
  /** Most bytes of a body, also after it was inflated; and of the tensors in it. */
  readonly body_bytes: number;
}

/** Reads the tensors of the request, from JSON and from raw blocks. */
export function readTensors({ body_bytes }: ReadTensorsOptions): Layer {
  const jsonBytes = Math.min(MAX_JSON_BYTES, body_bytes / 2);
  const bodyOf = async (c: AppContext): Promise<Uint8Array> => {
    const body = await c.get('readBody')();
    const encoding = c.req.header('content-encoding');
    return encoding === undefined ? body : inflate(body, { encoding, maxBytes: body_bytes });
  };

  return async function readTensors(c, next) {
    refuseForms(c.req.header('content-type'));
    const frame = frameOf(await bodyOf(c), c.req.header(HEADER.inferenceHeaderLength), jsonBytes);
    const tensors = readInferRequest(frame);
    checkSize(tensors, body_bytes);
    c.set('tensors', tensors);
    await next();
  };
}

/** `1,` in JSON can be eight bytes of a raw block: what a body may not be, its tensors may not become. */
function checkSize({ message }: InferRequest, maxBytes: number): void {
  const blocks = message.raw_input_contents ?? [];
  const bytes = blocks.reduce((sum, block) => sum + block.length, 0);
  if (bytes <= maxBytes) return;
  throw new HeadgateError('body_too_large', `The tensors of a request may have at most ${maxBytes} bytes.`);
}

/** Clients of the protocol send JSON under many names, and under none; what is certainly something else is told so. */
function refuseForms(contentType: string | undefined): void {
  const { essence } = parseMediaType(contentType);
  if (!essence.startsWith('multipart/') && !essence.startsWith('image/')) return;
  throw new HeadgateError(
    'unsupported_media_type',
    'Send tensors as JSON, with raw blocks behind it or not; photos go to /predict.',
  );
}
