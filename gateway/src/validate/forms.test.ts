import { describe, expect, it } from 'vitest';
import { jpegHeader, pngHeader } from '../testing/images.ts';
import { parseMediaType } from './media-type.ts';
import { imagesOf } from './multipart.ts';

/** Each character is a byte; `utf8` for text that senders encode. */
const bytes = (text: string) => Buffer.from(text, 'latin1');
const utf8 = (text: string) => Buffer.from(text).toString('latin1');
const JPEG = Buffer.from(jpegHeader(8, 8)).toString('latin1');
const PNG = Buffer.from(pngHeader(8, 8)).toString('latin1');

/** What a form gives: content and file name of each image, or the reason why it has none. */
function read(contentType: string, body: string) {
  const { boundary } = parseMediaType(contentType);
  return imagesOf(bytes(body), { boundary, maxImages: 16 }).map((image) => ({
    filename: image.filename,
    content: Buffer.from(image.bytes).toString('latin1'),
    ...(image.refusal && { refusal: image.refusal.detail }),
  }));
}
const X = 'multipart/form-data; boundary=x';
const detailOf = (body: string, contentType = X) => {
  try {
    read(contentType, body);
    return 'accepted';
  } catch (error) {
    return `${(error as { reason: string }).reason}: ${(error as { detail: string }).detail}`;
  }
};
/** A form of one part after another, with the boundary `x`. */
const form = (...parts: string[]) => `${parts.map((part) => `--x\r\n${part}\r\n`).join('')}--x--\r\n`;
const named = (disposition: string, content = JPEG) =>
  form(`Content-Disposition: form-data; name="image"; ${disposition}\r\n\r\n${content}`);
const file = 'Content-Disposition: form-data; name="image"; filename="a.jpg"';

/** Bodies as these senders write them, shortened to one part. */
describe('a form of', () => {
  const KITTEN = 'kätzchen "x".jpg';
  const kitten = utf8(KITTEN);
  const escaped = kitten.replaceAll('"', '%22');
  const image = (header: string) => `${header}\r\n\r\n${JPEG}\r\n`;
  const plain = (name: string) => `Content-Disposition: form-data; name="image"; filename="${name}"`;
  it.each([
    ['curl 8', '------------------------b04b420a3c1075b8', `${plain(escaped)}\r\nContent-Type: image/jpeg`, KITTEN],
    ['curl 7.68', '------------------------1f', `${plain(kitten.replaceAll('"', '\\"'))}\r\nContent-Type: image/jpeg`, KITTEN],
    ['Chrome', '----WebKitFormBoundary7MA4YWxkTrZu0gW', `${plain(escaped)}\r\nContent-Type: image/jpeg`, KITTEN],
    ['Firefox', '----geckoformboundaryd8ba1ad0b3a4', `${plain(escaped)}\r\nContent-Type: image/jpeg`, KITTEN],
    ['Safari', '----WebKitFormBoundaryfWWAzB1l', `${plain(utf8('ka\u0308tzchen.jpg'))}\r\nContent-Type: image/heic`, 'ka\u0308tzchen.jpg'],
    ['Internet Explorer', '---------------------------7e13a', `${plain('C:\\Users\\me\\new photo.jpg')}\r\nContent-Type: image/pjpeg`, 'new photo.jpg'],
    ['undici', '----formdata-undici-035068544154', `${plain(escaped)}\r\nContent-Type: application/octet-stream`, KITTEN],
    ['Python requests, urllib3 2', '549ba57038aa37e3', plain(escaped), KITTEN],
    ['Python requests, urllib3 1.24', '549ba57038aa37e3', `Content-Disposition: form-data; name="image"; filename*=utf-8''k%C3%A4tzchen%20%22x%22.jpg`, KITTEN],
    ['httpx', '9089f8b3f87c2304', `${plain(escaped)}\r\nContent-Type: image/jpeg`, KITTEN],
    ['aiohttp', '3dbb1c56bc5243e9', `Content-Type: application/octet-stream\r\n${plain('k%C3%A4tzchen%20%22x%22.jpg')}`, KITTEN],
    ['aiohttp 3.7', '3dbb1c56bc5243e9', `Content-Type: image/*\r\n${plain('k%C3%A4tzchen.jpg')}; filename*=utf-8''k%C3%A4tzchen.jpg`, 'kätzchen.jpg'],
    ['.NET HttpClient', '1e5d7e4c-86a7-4a5d-9e6b-2c0f', `Content-Type: image/jpeg\r\nContent-Disposition: form-data; name=image; filename="=?utf-8?B?a8OkdHpjaGVuLmpwZw==?="; filename*=utf-8''k%C3%A4tzchen.jpg`, 'kätzchen.jpg'],
    ['.NET HttpClient, name alone', '1e5d7e4c-86a7-4a5d-9e6b-2c0f', 'Content-Disposition: form-data; name=image; filename=cat.jpg\r\nContent-Length: 20', 'cat.jpg'],
    ['OkHttp', '0f4d3c32-9a1b', `${plain(escaped)}\r\nContent-Type: image/*\r\nContent-Length: 21`, KITTEN],
    ['Apache HttpClient 4', 'nxs3PbUDjy0G-dyrqYhr', `${plain('k?tzchen \\"x\\".jpg')}\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary`, 'k?tzchen "x".jpg'],
    ['Apache HttpClient 5', 'afnoM9ui7HDAQoQas9-wiuJxhYleXQqKF0j1J', `${plain('k\xe4tzchen \\"x\\".jpg')}\r\nContent-Type: application/octet-stream`, KITTEN],
    ['Apache HttpClient 5, extended', '9SueRe76sFefZnRC6b-hFxAheU5Ra_j0Mt', `${plain('k%C3%A4tzchen%20%22x%22.jpg')}\r\nContent-Type: application/octet-stream`, KITTEN],
    ['Spring', 'aMzbRrK1jQJ5', `${plain('=?UTF-8?Q?k=C3=A4tzchen_=22x=22.jpg?=')}\r\nContent-Type: image/jpeg\r\nContent-Length: 20`, KITTEN],
    ['Jakarta Mail', '----=_Part_0_1324119927.1700000000000', 'Content-Type: image/jpeg\r\nContent-Transfer-Encoding: 8bit\r\nContent-Disposition: form-data; name=image; \r\n\tfilename="=?iso-8859-1?Q?k=E4?= =?iso-8859-1?Q?tzchen.jpg?="', 'kätzchen.jpg'],
    ['Dart http', 'dart-http-boundary-3Wg+kR1._', `content-type: image/jpeg\r\ncontent-disposition: form-data; name="image"; filename="${escaped}"`, KITTEN],
    ['Go', '5fbeed114bb50b146b0f3d80fcbef29e', `${plain(kitten.replaceAll('"', '\\"'))}\r\nContent-Type: application/octet-stream`, KITTEN],
    ['Guzzle (PHP)', '7ff8a3d5b3e4', `${plain(kitten.replaceAll('"', '\\"'))}\r\nContent-Length: 20\r\nContent-Type: image/jpeg`, KITTEN],
    ['nodemailer', '----_NmP-3f1c-Part_1', `Content-Type: image/jpeg; name="=?UTF-8?Q?k=C3=A4tz?="\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''k%C3%A4tz;\r\n filename*1*=chen%20%22x;\r\n filename*2="\\".jpg"`, KITTEN],
    ['a sketch for a microcontroller', 'RandomNerdTutorials', 'Content-Disposition: form-data; name="imageFile"; filename=esp32 cam.jpg\r\nContent-Type: image/jpeg', 'esp32 cam.jpg'],
  ])('%s gives its photo and its name', (_, boundary, header, filename) => {
    const body = `--${boundary}\r\n${image(header)}--${boundary}--\r\n`;
    const quoted = read(`multipart/form-data; boundary="${boundary}"`, body);
    expect(quoted).toEqual([{ filename, content: JPEG }]);
    expect(read(`multipart/form-data; boundary=${boundary}; charset=utf-8`, body)).toEqual(quoted);
  }); // biome-ignore format: one row reads as one row
});

describe('the frame of a form', () => {
  const part = `${file}\r\n\r\n${JPEG}`;
  it.each([
    ['a line break first', `\r\n${form(part)}`],
    ['several line breaks first', `\r\n\r\n\r\n${form(part)}`],
    [
      'a sentence for old mail programs first',
      `This is a multi-part message in MIME format.\r\n\r\n${form(part)}`,
    ],
    ['a preamble that names the boundary inside of a line', `see --x\r\n --x\r\n${form(part)}`],
    ['text behind the end', `${form(part)}bye --x\r\n--x\r\nmore`],
    ['no line break behind the end', `--x\r\n${part}\r\n--x--`],
    ['blanks behind the boundary', `--x \t\r\n${part}\r\n--x--  \r\n`],
    ['bare line feeds', `--x\n${file}\n\n${JPEG}\n--x--\n`],
    ['bare line feeds after a preamble', `\n--x\n${file}\n\n${JPEG}\n--x--`],
    ['a line that only begins with the boundary', form(part).replace('--x--', '--xyz\r\n--x-\r\n--x--')],
    ['a part without a header block', form('\r\nabc', part)],
    ['a part without anything', form('', part)],
  ])('may have %s', (_, body) => {
    const images = read(X, body).filter(({ refusal }) => !refusal);
    expect(images).toMatchObject([{ filename: 'a.jpg', content: expect.stringContaining(JPEG) }]);
    if (!body.includes('--xyz')) expect(images[0]?.content).toBe(JPEG);
  });

  it.each([
    ['boundary="a b (c)"', 'a b (c)'],
    ['boundary=a/b:c=d?e', 'a/b:c=d?e'],
    ['BOUNDARY = "\'()+_,-./:=?"', "'()+_,-./:=?"],
    ['charset="boundary"; boundary=b', 'b'],
    [`boundary=${'-'.repeat(70)}`, '-'.repeat(70)],
  ])('may have the boundary that is written %s', (parameter, boundary) => {
    const body = `--${boundary}\r\n${part}\r\n--${boundary}--`;
    expect(read(`multipart/form-data; ${parameter}`, body)).toEqual([{ filename: 'a.jpg', content: JPEG }]);
  });

  it('leaves the content alone, whatever line breaks and dashes it has', () => {
    const content = `${JPEG}\r\n\r\n--\r\n-x\n--x\r--x--\n\n`;
    expect(read(X, named('filename=a', content))).toEqual([{ filename: 'a', content }]);
  });

  it.each([
    ['no end', form(part).replace('--x--', ''), 'malformed_multipart: The end is missing'],
    ['an end that is cut', form(part).replace('--x--\r\n', '--x-'), 'malformed_multipart: The end is missing'],
    ['another boundary than the header', form(part).replaceAll('--x', '--y'), 'malformed_multipart: The boundary that the Content-Type names is not in the body.'],
    ['more lines like its boundary than any photo', form(part + '\r\n--x!'.repeat(200)), 'malformed_multipart: Too many lines begin with the boundary'],
  ])('with %s is refused', (_, body, detail) => {
    expect(detailOf(body)).toContain(detail);
  }); // biome-ignore format: one row reads as one row

  it('without a boundary in the Content-Type is refused with the way out', () => {
    expect(detailOf(form(part), 'multipart/form-data')).toContain('let your HTTP library set this header');
  });
});

describe('the header of a part', () => {
  it.each([
    ['in capitals', `CONTENT-DISPOSITION: FORM-DATA; NAME=image; FILENAME=a.jpg\r\n\r\n${JPEG}`],
    ['in other order', `X-A: b\r\nContent-Type: image/jpeg\r\n${file}\r\n\r\n${JPEG}`],
    ['folded', `Content-Disposition: form-data;\r\n name="image";\r\n\tfilename="a.jpg"\r\n\r\n${JPEG}`],
    ['beside a line that is none', `garbage\r\n: \r\n${file}\r\n\r\n${JPEG}`],
    ['with blanks around colon and equals', `Content-Disposition : form-data ; name = image ; filename = a.jpg \r\n\r\n${JPEG}`],
    ['without a name', `Content-Disposition: form-data; filename="a.jpg"\r\n\r\n${JPEG}`],
    ['for an attachment', `Content-Disposition: attachment; filename=a.jpg\r\n\r\n${JPEG}`],
    ['with a type that contradicts', `${file}\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n${JPEG}`],
    ['that claims base64 for plain bytes', `${file}\r\nContent-Transfer-Encoding: base64\r\n\r\n${JPEG}`],
  ])('may be %s', (_, part) => {
    expect(read(X, form(part))).toEqual([{ filename: 'a.jpg', content: JPEG }]);
  }); // biome-ignore format: one row reads as one row

  it.each([
    ['no disposition', 'Content-Type: image/png'],
    ['a field of any name', 'Content-Disposition: form-data; name="photo"'],
    ['a very long name', `Content-Disposition: form-data; name="${'n'.repeat(3000)}"`],
    ['an empty file name', 'Content-Disposition: form-data; name="photo"; filename=""'],
  ])('may have %s where the bytes are an image', (_, header) => {
    expect(read(X, form(`${header}\r\n\r\n${PNG}`))).toMatchObject([{ content: PNG }]);
  });
});

describe('a file name', () => {
  it.each([
    ['in UTF-8', `filename="${utf8('写真 📷.jpg')}"`, '写真 📷.jpg'],
    ['in Latin-1', 'filename="\xe9t\xe9.jpg"', 'été.jpg'],
    ['in windows-1252', 'filename="5 \x80.jpg"', '5 €.jpg'],
    ['as filename*', "filename*=UTF-8''%e5%86%99.jpg", '写.jpg'],
    ['as filename* in Latin-1', "filename*=iso-8859-1'de'stra%DFe.jpg", 'straße.jpg'],
    ['as filename* before filename', "filename*=utf-8''%C3%A9.jpg; filename=e.jpg", 'é.jpg'],
    ['as filename* after filename', "filename=e.jpg; filename*=utf-8''%C3%A9.jpg", 'é.jpg'],
    ['as filename* that is not encoded', 'filename*=plain.jpg', 'plain.jpg'],
    ['as filename* in an unknown charset', "filename*=klingon''a.jpg", "klingon''a.jpg"],
    ['in pieces without a charset', 'filename*0="long "; filename*1="name.jpg"', 'long name.jpg'],
    ['as an encoded word, base64', 'filename="=?utf-8?b?w6kuanBn?="', 'é.jpg'],
    ['as an encoded word, quoted', 'filename="=?ISO-8859-1?q?=E9_1.jpg?="', 'é 1.jpg'],
    [
      'as encoded words in a charset of Japan',
      'filename="=?Shift_JIS?B?g0o=?= =?Shift_JIS?B?LmpwZw==?="',
      'カ.jpg',
    ],
    ['as an encoded word in an unknown charset', 'filename="=?klingon?Q?a?="', '=?klingon?Q?a?='],
    ['with escaped quotes', 'filename="a \\"b\\" %22c%22.jpg"', 'a "b" "c".jpg'],
    ['with a percent sign', 'filename="100%.jpg"', '100%.jpg'],
    ['with a path of Windows', 'filename="D:\\tmp\\new\\a.jpg"', 'a.jpg'],
    ['with a path and escaped backslashes', 'filename="D:\\\\tmp\\\\a.jpg"', 'a.jpg'],
    ['with a path in its escapes', "filename*=utf-8''..%2F..%2Fetc%5Cpasswd", 'passwd'],
    ['with control characters in its escapes', 'filename="a%0D%0Ab%00.jpg"', 'ab.jpg'],
    ['with a semicolon and an equals sign', 'filename="a; filename=b.jpg"', 'a; filename=b.jpg'],
    ['said twice', 'filename=a.jpg; filename=b.jpg', 'a.jpg'],
  ])('%s comes back', (_, disposition, filename) => {
    expect(read(X, named(disposition))[0]?.filename).toBe(
      filename.replace('=?klingon?Q?a?=', '=?klingon?Q?a?='),
    );
  });
});

describe('one bad part', () => {
  const good = `${file}\r\n\r\n${JPEG}`;
  it.each([
    ['no empty line behind its header', 'Content-Disposition: form-data; name="image"', 'no empty line'],
    ['a header beyond 4 KiB', `${file}; a="${'x'.repeat(5000)}"\r\n\r\n${JPEG}`, 'more than 4096 bytes'],
    ['base64', `${file}\r\nContent-Transfer-Encoding: BASE64\r\n\r\n/9j/4GFiYw==`, 'send the bytes of the file as they are'],
    ['quoted-printable', `${file}\r\ncontent-transfer-encoding: quoted-printable\r\n\r\n=FF=D8`, 'send the bytes of the file as they are'],
    ['parts of its own', 'Content-Disposition: form-data; name="photos"\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n--y\r\n\r\n--y--', 'send each file as a part of the form'],
  ])('with %s keeps its place and costs the others nothing', (_, bad, refusal) => {
    expect(read(X, form(good, bad, good))).toMatchObject([
      { filename: 'a.jpg', content: JPEG },
      { refusal: expect.stringContaining(refusal) },
      { filename: 'a.jpg', content: JPEG },
    ]);
  }); // biome-ignore format: one row reads as one row
});

describe('what is no image', () => {
  const empty =
    'Content-Disposition: form-data; name="image"; filename=""\r\nContent-Type: application/octet-stream\r\n\r\n';
  it.each([
    ['the file field of a browser without a file', empty],
    ['a text field', 'Content-Disposition: form-data; name="comment"\r\n\r\nabc'],
    ['the field of the charset', 'Content-Disposition: form-data; name="_charset_"\r\n\r\nutf-8'],
    ['a text without a name', 'Content-Type: text/plain\r\n\r\nabc'],
  ])('is passed over: %s', (_, other) => {
    expect(read(X, form(other, `${file}\r\n\r\n${JPEG}`, other))).toEqual([
      { filename: 'a.jpg', content: JPEG },
    ]);
  });

  it('makes no request by itself, and the refusal says what is missing', () => {
    expect(detailOf(form(empty))).toContain('invalid_request: No file was chosen');
    expect(detailOf(form('Content-Disposition: form-data; name="file"\r\n\r\nabc'))).toContain(
      'in the field "image"',
    );
  });

  it('but a named file without bytes is an image that fails', () => {
    expect(read(X, named('filename=a.jpg', ''))).toEqual([{ filename: 'a.jpg', content: '' }]);
  });
});
