import { HeadgateError } from '@headgate/contracts/errors';
import { ByteSink, tooLarge } from './read-body.ts';

/** Content codings that every fetch host undoes; the value of Accept-Encoding in a refusal (RFC 9110, 15.5.16). */
export const UNDERSTOOD = 'gzip, deflate';

type Coding = 'gzip' | 'deflate';

const CODINGS: ReadonlyMap<string, Coding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
]);

/**
 * Reads Content-Encoding.
 *
 * @returns undefined when the body is not encoded
 * @throws HeadgateError unsupported_media_type: another coding, or one upon another
 */
export function codingOf(header: string | undefined): Coding | undefined {
  const names = (header ?? '').split(',').map((name) => name.trim().toLowerCase());
  const [name, ...more] = names.filter((name) => name !== '' && name !== 'identity');
  if (name === undefined) return undefined;
  const coding = CODINGS.get(name);
  if (coding && more.length === 0) return coding;
  throw new HeadgateError(
    'unsupported_media_type',
    'Content-Encoding: expected gzip or deflate, once; or send the body as it is, without this header.',
  );
}

/** What a decoded body may take: a small body can claim to be a huge one. */
export interface Room {
  readonly maxBytes: number;
  /** @throws HeadgateError when there is no memory for so many more bytes */
  readonly holdMore: (bytes: number) => void;
}

/** Undoes the coding of a body. @throws HeadgateError body_too_large, invalid_request, or what `holdMore` throws */
export async function decodeBody(body: Uint8Array, coding: Coding, room: Room): Promise<Uint8Array> {
  const sink = new ByteSink(0);
  const source = new Blob([body as Uint8Array<ArrayBuffer>]).stream();
  try {
    for await (const chunk of source.pipeThrough(new DecompressionStream(coding))) {
      if (sink.length + chunk.byteLength > room.maxBytes) throw tooLarge(room.maxBytes);
      room.holdMore(chunk.byteLength);
      sink.append(chunk);
    }
  } catch (cause) {
    if (cause instanceof HeadgateError) throw cause;
    throw new HeadgateError('invalid_request', `body: expected ${coding}, as Content-Encoding says.`, {
      cause,
    });
  }
  return sink.bytes();
}
