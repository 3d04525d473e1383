import { describe, expect, it } from 'vitest';
import { parseMediaType } from './media-type.ts';
import { imagesOf } from './multipart.ts';

const encoder = new TextEncoder();

/** A body with the boundary `x`; each part is its headers, an empty line and its content. */
function form(...parts: string[]): Uint8Array {
  return encoder.encode(`${parts.map((part) => `--x\r\n${part}\r\n`).join('')}--x--\r\n`);
}

const file = (name: string, filename: string, content = 'abc') =>
  `Content-Disposition: form-data; name="${name}"; filename="${filename}"\r\n\r\n${content}`;
const field = (name: string, content = 'abc') =>
  `Content-Disposition: form-data; name="${name}"\r\n\r\n${content}`;

function images(body: Uint8Array) {
  return imagesOf(body, { boundary: 'x', maxImages: 16 }).map(({ bytes, filename }) => ({
    text: new TextDecoder().decode(bytes),
    filename,
  }));
}

function reason(body: Uint8Array): string {
  try {
    images(body);
    return 'ok';
  } catch (error) {
    return (error as { reason: string }).reason;
  }
}

describe('the images of a form', () => {
  it('are its files, under any name, and its fields named image', () => {
    expect(
      images(
        form(
          file('image', 'a.png', 'one'),
          field('comment'),
          file('upload', 'b.png', 'two'),
          field('image', 'three'),
        ),
      ),
    ).toEqual([
      { text: 'one', filename: 'a.png' },
      { text: 'two', filename: 'b.png' },
      { text: 'three', filename: null },
    ]);
  });

  it('are views on the body, not copies', () => {
    const body = form(file('image', 'a.png'), file('image', 'b.png'));
    for (const { bytes } of imagesOf(body, { boundary: 'x', maxImages: 16 }))
      expect(bytes.buffer).toBe(body.buffer);
  });

  it('may have no bytes and may contain what looks like a boundary', () => {
    const texts = images(form(file('image', 'a', ''), file('image', 'b', 'a--x\r\n-x\r\n--'))).map(
      ({ text }) => text,
    );
    expect(texts).toEqual(['', 'a--x\r\n-x\r\n--']);
  });

  it.each([
    ['C:\\photos\\cat.png', 'cat.png'],
    ['../../etc/passwd', 'passwd'],
    ['a\\"b.png', 'a"b.png'],
    ['say \\"cheese\\".png', 'say "cheese".png'],
    ['a;b.png', 'a;b.png'],
    ['kätzchen.png', 'kätzchen.png'],
    ['a\u0000b\u001bc\u009f.png', 'abc.png'],
    ['x'.repeat(300), 'x'.repeat(255)],
    ['', ''],
  ])('have the last segment of their file name: %j', (sent, filename) => {
    expect(images(form(file('image', sent)))[0]?.filename).toBe(filename);
  });

  it('are at most as many as allowed', () => {
    const many = (count: number) => form(...Array.from({ length: count }, () => file('image', 'a')));
    expect(reason(many(16))).toBe('ok');
    expect(reason(many(17))).toBe('too_many_images');
  });
});

describe('a form', () => {
  it('without an image is refused', () => {
    expect(reason(form(field('comment')))).toBe('invalid_request');
    expect(reason(encoder.encode('--x--\r\n'))).toBe('invalid_request');
  });

  it.each([
    ['no boundary in the body', encoder.encode('hello')],
    ['another boundary', encoder.encode(`--y\r\n${file('image', 'a')}\r\n--y--`)],
    ['no end', encoder.encode(`--x\r\n${file('image', 'a')}\r\n`)],
    ['an end inside of a header', encoder.encode('--x\r\nContent-Disposition: form-data')],
    ['a header that never ends', encoder.encode(`--x\r\n${'a'.repeat(20_000)}`)],
    ['too many other fields', form(...Array.from({ length: 17 }, (_, i) => field(`f${i}`)))],
    ['very many tiny parts', form(...Array.from({ length: 5000 }, (_, i) => field(`f${i}`)))],
  ])('with %s is malformed', (_, body) => {
    expect(reason(body)).toBe('malformed_multipart');
  });

  it('whose type names no boundary is malformed', () => {
    expect(() => imagesOf(form(file('image', 'a')), { boundary: undefined, maxImages: 16 })).toThrow(
      'malformed_multipart',
    );
  });
});

describe('a Content-Type', () => {
  it.each([
    ['image/PNG', 'image/png', undefined],
    [' image/png ; charset=x', 'image/png', undefined],
    ['multipart/form-data; boundary=abc', 'multipart/form-data', 'abc'],
    ['multipart/form-data; charset=utf-8; Boundary="a b;c"', 'multipart/form-data', 'a b;c'],
    [
      'multipart/form-data;boundary=----WebKitFormBoundary7MA4',
      'multipart/form-data',
      '----WebKitFormBoundary7MA4',
    ],
    [`multipart/form-data; boundary=${'x'.repeat(71)}`, 'multipart/form-data', undefined],
    ['multipart/form-data; boundary=', 'multipart/form-data', undefined],
    ['multipart/form-data; boundary=a, multipart/form-data; boundary=b', 'multipart/form-data', undefined],
    ['', '', undefined],
    [undefined, '', undefined],
  ])('%j is read', (header, essence, boundary) => {
    expect(parseMediaType(header)).toEqual({ essence, boundary });
  });
});
