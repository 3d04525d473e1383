/** What the Content-Disposition of a part says. */
interface Disposition {
  /** Name of the form field; undefined when the part has none. */
  readonly name: string | undefined;
  /** What the sender calls the file, fit to be answered; undefined when the part is no file. */
  readonly filename: string | undefined;
}

const MAX_FILENAME_LENGTH = 255;
/** `key="quoted"`, or `key=anything up to the semicolon`: some senders write names with blanks unquoted. */
const PARAMETER = /;\s*([a-z]+[*0-9]*)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;"]*))/gi;
/** Quotes and backslashes as RFC 9110 escapes them. A lone backslash is part of a path. */
const ESCAPED = /\\(["\\])/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/**
 * Reads the Content-Disposition of a part as senders write it: RFC 7578, and what it rules out but e-mail libraries and
 * old HTTP ones send, `filename*` (RFC 8187), its continuations (RFC 2231) and encoded words (RFC 2047). The first value
 * of a parameter counts, and `filename*` before `filename`.
 */
export function parseDisposition(header: string): Disposition {
  const found = new Map<string, string>();
  for (const [, key = '', quoted, token = ''] of header.matchAll(PARAMETER)) {
    const value = quoted?.replace(ESCAPED, '$1') ?? token.trim();
    if (!found.has(key.toLowerCase())) found.set(key.toLowerCase(), value);
  }
  const plain = found.get('filename');
  const filename =
    extended(found.get('filename*')) ??
    continued(found) ??
    (plain === undefined ? undefined : unescaped(words(plain)));
  return { name: found.get('name'), filename: filename === undefined ? undefined : plainName(filename) };
}

/** Browsers escape quotes as %22, aiohttp all that is not ASCII: undone where the whole name can be read so. */
function unescaped(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name.replaceAll('%22', '"');
  }
}

/** A value of RFC 8187, `charset'language'percent-encoded`; as it is where it is none of these. */
function extended(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const [, charset = '', encoded = ''] = /^([^']*)'[^']*'(.*)$/.exec(value) ?? [];
  return (encoded === '' ? undefined : decoded(percentDecoded(encoded), charset)) ?? value;
}

/** Pieces of a long value, in order: `filename*0*=UTF-8''…; filename*1=…`. The first one names the charset. */
function continued(found: ReadonlyMap<string, string>): string | undefined {
  const pieces: string[] = [];
  for (let i = 0; ; i += 1) {
    const piece = found.get(`filename*${i}*`) ?? found.get(`filename*${i}`);
    if (piece === undefined) break;
    pieces.push(piece);
  }
  if (pieces.length === 0) return undefined;
  return found.has('filename*0*') ? extended(pieces.join('')) : pieces.join('');
}

const WORD = /=\?([\w-]+)(?:\*[^?]*)?\?([bq])\?([^?]*)\?=/gi;

/** Text with its encoded words decoded; blanks between two of them belong to neither. */
function words(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(WORD, (word, charset: string, encoding: string, text: string) => {
      const bytes =
        encoding.toLowerCase() === 'b'
          ? Buffer.from(text, 'base64')
          : percentDecoded(text.replaceAll('_', ' ').replace(/=([0-9a-f]{2})/gi, '%$1'));
      return decoded(bytes, charset) ?? word;
    });
}

function percentDecoded(text: string): Buffer {
  const bytes = Buffer.from(text);
  let length = 0;
  for (let i = 0; i < bytes.length; i += 1, length += 1) {
    const hex = bytes[i] === 0x25 ? /^[0-9a-f]{2}/i.exec(bytes.toString('latin1', i + 1, i + 3)) : null;
    bytes[length] = hex ? Number.parseInt(hex[0], 16) : (bytes[i] as number);
    if (hex) i += 2;
  }
  return bytes.subarray(0, length);
}

/** Undefined for a charset that nobody knows. */
function decoded(bytes: Uint8Array, charset: string): string | undefined {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    return undefined;
  }
}

/** The last segment of a path, without control characters, at most 255 characters long. */
function plainName(filename: string): string {
  const last = Math.max(filename.lastIndexOf('/'), filename.lastIndexOf('\\'));
  return filename
    .slice(last + 1)
    .replace(CONTROL_CHARACTERS, '')
    .slice(0, MAX_FILENAME_LENGTH)
    .toWellFormed();
}
