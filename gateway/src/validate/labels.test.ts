import { describe, expect, it } from 'vitest';
import { fixture } from '../testing/app-fixture.ts';
import { jpegHeader, pngHeader, webpHeader } from '../testing/images.ts';

const PNG = pngHeader(8, 8);
const IMAGES = [jpegHeader(8, 8), PNG, webpHeader('lossy', 8, 8)];
/** What senders' software guesses, makes up or leaves out. */
const LABELS = [
  undefined,
  '',
  'image',
  'image/*',
  '*/*',
  'image/jpg',
  'image/pjpeg',
  'image/x-png',
  'image/webp',
  'image/heic',
  'application/octet-stream',
  'binary/octet-stream',
  'application/x-www-form-urlencoded',
  'application/json; charset=utf-8',
  'text/plain;charset=UTF-8',
  'form-data',
  '__proto__',
  'klingon',
];

async function predict(body: Uint8Array, type: string | undefined) {
  const { send } = await fixture();
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type };
  // A Blob without a type: the text of a body would bring one of its own.
  return send('/predict', { method: 'POST', headers, body: new Blob([body as Uint8Array<ArrayBuffer>]) });
}

describe('the bytes decide', () => {
  it.each(LABELS)('in a raw body of the type %j', async (type) => {
    for (const image of IMAGES) expect((await predict(image, type)).status).toBe(200);
  });

  it.each(LABELS.slice(1))('in a part of the type %j', async (type) => {
    const parts = IMAGES.map(
      (image) =>
        `--x\r\nContent-Disposition: form-data; name="image"; filename="a.jpg"\r\nContent-Type: ${type}\r\n\r\n${Buffer.from(image).toString('latin1')}\r\n`,
    );
    const body = Buffer.from(`${parts.join('')}--x--`, 'latin1');
    const answer = await predict(body, 'multipart/form-data; boundary=x');
    const { predictions } = (await answer.json()) as { predictions: { top?: unknown }[] };
    expect(predictions.map(({ top }) => top !== undefined)).toEqual([true, true, true]);
  });

  it('in a form under another multipart type', async () => {
    const part = `--x\r\nContent-Disposition: attachment\r\n\r\n${Buffer.from(PNG).toString('latin1')}\r\n--x--`;
    for (const type of ['mixed', 'related', 'x-unknown']) {
      const answer = await predict(Buffer.from(part, 'latin1'), `Multipart/${type}; boundary=x`);
      expect([type, answer.status]).toEqual([type, 200]);
    }
  });
});

const box = (brand: string) => `\0\0\0\x18ftyp${brand}\0\0\0\0`;
/** Each character is a byte. */
const OTHERS: readonly (readonly [what: string, start: string, remedy: RegExp])[] = [
  ['a GIF image', 'GIF87a', /save it as/],
  ['a HEIC image', box('heix'), /Most Compatible/],
  ['a HEIC image', box('mif1'), /Most Compatible/],
  ['an AVIF image', box('avis'), /save it as/],
  ['a video', box('qt  '), /one picture/],
  ['a TIFF image', 'II*\0', /save it as/],
  ['a TIFF image', 'MM\0+', /save it as/],
  ['a BMP image', 'BM\x36\x30\0\0\0\0\0\0', /save it as/],
  ['a JPEG XL image', '\xff\x0a\x7f', /save it as/],
  ['a JPEG 2000 image', '\0\0\0\x0cjP  \r\n', /save it as/],
  ['an icon', '\0\0\x01\0\x01', /save it as/],
  ['a Photoshop file', '8BPS\0\x01', /save it as/],
  ['an SVG drawing', '<svg xmlns="http://www.w3.org/2000/svg"/>', /save it as/],
  ['an SVG drawing', '\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg>', /save it as/],
  ['a PDF document', '%PDF-1.7', /picture of its page/],
  ['a ZIP archive', 'PK\x03\x04', /parts of a form/],
  ['gzip data', '\x1f\x8b\x08', /Content-Encoding: gzip/],
  ['a NumPy array', '\x93NUMPY\x01', /POST \/v2\/models/],
  ['JSON', '\n {"instances": [1]}', /POST \/v2\/models\/\{model\}\/infer/],
  ['JSON', '[[0.1, 0.2]]', /POST \/v2\/models\/\{model\}\/infer/],
  ['a data URL', 'data:image/png;base64,iVBORw0KGgo', /decode its base64/],
  ['an image in base64', '/9j/4AAQSkZJRg', /decode it/],
  ['an image in base64', '"UklGRiQAAABXRUJQ"', /decode it/],
  ['a JPEG image that was read as text', '\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\0\x10JFIF', /never as a string/],
  ['a JPEG image that was read as text', '\xc3\xbf\xc3\x98\xc3\xbf', /never as a string/],
  ['a PNG image that was read as text', '\xef\xbf\xbdPNG\r\n\x1a\n', /never as a string/],
  ['a PNG image whose line breaks were changed', '\x89PNG\n\x1a\n', /--data-binary/],
  ['a form', '------WebKitFormBoundary\r\nContent-Disposition: form-data', /let your HTTP library set/],
  ['an HTML page', '<!DOCTYPE html><title>404</title>', /download of the image failed/],
  ['the address of something', 'https://example.com/cat.jpg', /send the bytes/],
  ['the name of a file', '@cat.jpg', /--data-binary @FILE/],
  ['a Git LFS pointer', 'version https://git-lfs.github.com/spec/v1', /git lfs pull/],
  ['no JPEG, PNG or WebP image', 'RIFF\0\0\0\0WAVEfmt ', /\.$/],
  ['no JPEG, PNG or WebP image', '\xff', /\.$/],
]; // biome-ignore format: one row reads as one row

describe('bytes that are no image', () => {
  it.each(OTHERS)('are said to be %s: %j', async (what, start, remedy) => {
    const bytes = Buffer.from(start, 'latin1');
    for (const type of ['image/jpeg', 'application/octet-stream']) {
      const answer = await predict(bytes, type);
      const { reason, detail } = (await answer.json()) as { reason: string; detail: string };
      expect([answer.status, reason]).toEqual([415, 'unsupported_media_type']);
      expect(detail).toContain(`The bytes are ${what}`);
      expect(detail).toMatch(remedy);
    }
  });

  it('are never quoted in the answer', async () => {
    for (const start of ['data:text/plain,SECRET', '{"password": "SECRET"}', '@SECRET', 'SECRET']) {
      const answer = await predict(Buffer.from(start), undefined);
      expect(await answer.text()).not.toContain('SECRET');
    }
  });

  it('are looked at for the first kilobyte only', async () => {
    const large = Buffer.alloc(900_000, '<');
    large.write('<?xml ');
    const { detail } = (await (await predict(large, undefined)).json()) as { detail: string };
    expect(detail).toBe('The bytes are no JPEG, PNG or WebP image.');
  });
});
