import type { BenchPhoto } from './photos.ts';

/** How a server wants a photo: the file itself, a form with one file, or base64 in the JSON of protocol V2. */
export type Encoding = 'raw' | 'form' | 'v2-json';

export interface EncodedPhoto {
  readonly body: Buffer;
  readonly contentType: string;
}

const BOUNDARY = 'headgate-bench-7d1f0c';

/** The body of one prediction request; the file or tensor is called `image`. */
export function encodePhoto({ name, bytes }: BenchPhoto, encoding: Encoding): EncodedPhoto {
  const type = name.endsWith('.png') ? 'image/png' : 'image/jpeg';
  switch (encoding) {
    case 'raw':
      return { body: bytes, contentType: type };
    case 'form':
      return { body: form({ name, bytes }, type), contentType: `multipart/form-data; boundary=${BOUNDARY}` };
    case 'v2-json':
      return { body: Buffer.from(JSON.stringify(v2(bytes))), contentType: 'application/json' };
  }
}

function form({ name, bytes }: BenchPhoto, type: string): Buffer {
  const head = [
    `--${BOUNDARY}`,
    `Content-Disposition: form-data; name="image"; filename="${name}"`,
    `Content-Type: ${type}`,
    '\r\n',
  ].join('\r\n');
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

function v2(bytes: Buffer) {
  const parameters = { content_type: 'base64' };
  return {
    inputs: [
      { name: 'image', datatype: 'BYTES', shape: [1, 1], parameters, data: [bytes.toString('base64')] },
    ],
  };
}
