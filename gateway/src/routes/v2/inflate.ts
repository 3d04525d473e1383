import { HeadgateError } from '@headgate/contracts/errors';
import { tooLarge } from '../../body/bounds.ts';
import { ByteSink } from '../../body/byte-sink.ts';
import { invalidField } from './fields.ts';

export interface InflateOptions {
  /** Value of Content-Encoding. */
  readonly encoding: string;
  /** Most bytes to make of it: a small body can claim to be a huge one. */
  readonly maxBytes: number;
}

const FORMATS: Readonly<Record<string, 'gzip' | 'deflate'>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
};

/** Undoes the encoding of a body. @throws HeadgateError unsupported_media_type, body_too_large, invalid_request */
export async function inflate(body: Uint8Array, { encoding, maxBytes }: InflateOptions): Promise<Uint8Array> {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity') return body;
  const format = Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
  if (!format) {
    throw new HeadgateError('unsupported_media_type', 'Content-Encoding: expected gzip, deflate or none.');
  }
  const sink = new ByteSink(0);
  const source = new Blob([body as Uint8Array<ArrayBuffer>]).stream();
  try {
    for await (const chunk of source.pipeThrough(new DecompressionStream(format))) {
      if (sink.length + chunk.byteLength > maxBytes) throw tooLarge(maxBytes);
      sink.append(chunk);
    }
  } catch (cause) {
    if (cause instanceof HeadgateError) throw cause;
    throw invalidField('body', `expected ${format}, as Content-Encoding says`);
  }
  return sink.bytes();
}
