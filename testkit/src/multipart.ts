/** One part of a multipart/form-data body. */
export interface Part {
  readonly name: string;
  readonly filename?: string;
  readonly type?: string;
  readonly data: Uint8Array | string;
}

export interface Multipart {
  readonly contentType: string;
  readonly body: Buffer;
}

/** Writes the body as in RFC 7578, without a library, so that a test can also send malformed parts. */
export function multipart(parts: readonly Part[], boundary = 'headgate-e2e-7d1f'): Multipart {
  const pieces = parts.flatMap((part) => [
    Buffer.from(`--${boundary}\r\n${headersOf(part)}\r\n\r\n`),
    Buffer.from(part.data),
    Buffer.from('\r\n'),
  ]);
  return {
    contentType: `multipart/form-data; boundary=${boundary}`,
    body: Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]),
  };
}

function headersOf({ name, filename, type }: Part): string {
  const file = filename === undefined ? '' : `; filename="${filename}"`;
  const disposition = `Content-Disposition: form-data; name="${name}"${file}`;
  return type === undefined ? disposition : `${disposition}\r\nContent-Type: ${type}`;
}
