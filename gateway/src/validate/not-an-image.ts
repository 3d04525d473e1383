// biome-ignore-all lint/suspicious/noControlCharactersInRegex: magic numbers have them

/**
 * Says what bytes are that are no JPEG, PNG or WebP, and what to send instead: the usual mistakes of senders, recognised
 * by their first bytes. Nothing of the content is repeated.
 */
export function describeOther(bytes: Uint8Array): string {
  const start = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, START_BYTES));
  const raw = start.toString('latin1');
  for (const [pattern, what, remedy] of RAW) if (pattern.test(raw)) return sentence(what, remedy);
  const text = raw.replace(/^\xef\xbb\xbf/, '').trimStart();
  for (const [pattern, what, remedy] of TEXTS) if (pattern.test(text)) return sentence(what, remedy);
  return 'The bytes are no JPEG, PNG or WebP image.';
}

const START_BYTES = 1024;

const SAVE = 'save it as JPEG, PNG or WebP';
const AS_FILE = 'send the bytes of the file';
const HEIC =
  'convert it to JPEG (iPhones send JPEG with Settings, Camera, Formats, Most Compatible; browsers can draw it on a canvas and export that)';
const READ_AS_TEXT = `${AS_FILE} as binary data, never as a string`;

type Row = readonly [pattern: RegExp, what: string, remedy: string];

const sentence = (what: string, remedy: string) => `The bytes are ${what}, not JPEG, PNG or WebP; ${remedy}.`;

/** By the magic numbers of formats; a row is tried after those above it. */
const RAW: readonly Row[] = [
  [/^GIF8/, 'a GIF image', SAVE],
  [/^.{4}ftyp(?:avif|avis)/s, 'an AVIF image', SAVE],
  [/^.{4}ftyp(?:hei[cmsx]|hev[cmsx]|mif1|msf1)/s, 'a HEIC image', HEIC],
  [/^.{4}ftyp/s, 'a video or another MP4 file', 'send one picture of it as JPEG'],
  [/^(?:II[*+]\0|MM\0[*+])/, 'a TIFF image or a raw photo', SAVE],
  [/^BM.{4}\0\0\0\0/s, 'a BMP image', SAVE],
  [/^(?:\xff\x0a|\0\0\0\x0cJXL )/, 'a JPEG XL image', SAVE],
  [/^(?:\0\0\0\x0cjP {2}|\xff\x4f\xff\x51)/, 'a JPEG 2000 image', SAVE],
  [/^8BPS/, 'a Photoshop file', SAVE],
  [/^\0\0[\x01\x02]\0/, 'an icon file', SAVE],
  [/^%PDF/, 'a PDF document', 'send a picture of its page'],
  [/^PK\x03\x04/, 'a ZIP archive', 'send the images in it as parts of a form'],
  [/^\x1f\x8b/, 'gzip data', 'send the image itself, or say Content-Encoding: gzip'],
  [
    /^\x93NUMPY/,
    'a NumPy array',
    'encode it as an image, or send it as a tensor to POST /v2/models/{model}/infer',
  ],
  // 0x89 PNG and 0xFF 0xD8 as UTF-8: decoded wrongly (U+FFFD), or encoded again.
  [/^(?:\xef\xbf\xbd|\xc2\x89)PNG/, 'a PNG image that was read as text', READ_AS_TEXT],
  [/^(?:\xef\xbf\xbd\xef\xbf\xbd|\xc3\xbf\xc3\x98)/, 'a JPEG image that was read as text', READ_AS_TEXT],
  [
    /^\x89PNG/,
    'a PNG image whose line breaks were changed',
    `${AS_FILE} unchanged; with curl use --data-binary, not -d`,
  ],
];

/** By the beginning of a text without blanks and byte order mark. */
const TEXTS: readonly Row[] = [
  [/^data:/i, 'a data URL', `decode its base64 and ${AS_FILE}`],
  [/^"?(?:\/9j\/|iVBORw0KGgo|UklGR)/, 'an image in base64', `decode it and ${AS_FILE}`],
  [
    /^[{[]/,
    'JSON',
    `${AS_FILE}, alone or as a part of multipart/form-data; tensors in JSON go to POST /v2/models/{model}/infer`,
  ],
  [/^(?:<\?xml[\s\S]*)?<svg/i, 'an SVG drawing', SAVE],
  [/^(?:<!doctype html|<html)/i, 'an HTML page', 'see whether the download of the image failed'],
  [
    /^--[^\r\n]{1,70}\r?\n(?:[\s\S]*\n)?content-/i,
    'a form',
    'let your HTTP library set the Content-Type, with its boundary',
  ],
  [/^https?:\/\//i, 'the address of something', 'load it and send the bytes'],
  [/^@[^\0]*$/, 'the name of a file', `${AS_FILE}; with curl use --data-binary @FILE`],
  [/^version https:\/\/git-lfs/, 'a Git LFS pointer', 'fetch the file with git lfs pull'],
];
