/** The smallest headers with a size; the gateway reads no more than that. */

export function pngHeader(width: number, height: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(33);
  bytes.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52]);
  const view = new DataView(bytes.buffer);
  view.setUint32(16, width);
  view.setUint32(20, height);
  return bytes;
}

export function jpegHeader(width: number, height: number): Uint8Array<ArrayBuffer> {
  const comment = [0xff, 0xfe, 0, 4, 0x41, 0x42];
  const frame = [0xff, 0xc2, 0, 17, 8, height >> 8, height & 0xff, width >> 8, width & 0xff, 3];
  return Uint8Array.from([0xff, 0xd8, ...comment, ...frame, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1]);
}

export type WebpKind = 'lossy' | 'lossless' | 'extended';

export function webpHeader(kind: WebpKind, width: number, height: number): Uint8Array<ArrayBuffer> {
  const fourcc = { lossy: 'VP8 ', lossless: 'VP8L', extended: 'VP8X' }[kind];
  const bytes = new Uint8Array(30);
  bytes.set(new TextEncoder().encode(`RIFF    WEBP${fourcc}`));
  const view = new DataView(bytes.buffer);
  view.setUint32(4, bytes.length - 8, true);
  view.setUint32(16, 10, true);
  if (kind === 'lossy') {
    bytes.set([0, 0, 0, 0x9d, 0x01, 0x2a], 20);
    view.setUint16(26, width, true);
    view.setUint16(28, height, true);
  } else if (kind === 'lossless') {
    bytes[20] = 0x2f;
    view.setUint32(21, (width - 1) | ((height - 1) << 14), true);
  } else {
    view.setUint32(24, width - 1, true);
    view.setUint16(27, (height - 1) & 0xffff, true);
    view.setUint8(29, (height - 1) >> 16);
  }
  return bytes;
}
