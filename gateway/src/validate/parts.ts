/** One part of a multipart body. */
export interface Part {
  /** Its header block without the empty line, as sent; undefined when no empty line ends it. */
  readonly header: Uint8Array | undefined;
  /** Its content, as a view on the body. */
  readonly bytes: Uint8Array;
}

/** Why a body cannot be split into parts, as a sentence for its sender. */
export class FramingError extends Error {
  override readonly name = 'FramingError';
}

const [TAB, LF, CR, SPACE, DASH] = [0x09, 0x0a, 0x0d, 0x20, 0x2d] as const;

/** Lines that begin as the boundary and go on otherwise; no photo has one by chance, and each costs time to look at. */
const MAX_FALSE_LINES = 100;

/**
 * Splits a multipart body (RFC 2046, 5.1.1). What stands before the first delimiter line and behind the closing one is
 * ignored, and so are blanks at the end of a delimiter line. A body whose first delimiter line ends in a bare line feed
 * has bare line feeds everywhere: scripts write such bodies.
 *
 * @throws FramingError when there is no first delimiter or no closing one
 */
export function* partsOf(body: Uint8Array, boundary: string): Generator<Part> {
  const buffer = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  const delimiter = `--${boundary}`;
  const next = delimiterFinder(buffer);
  const first = delimiterLine(buffer, 0, delimiter) ?? next(`\n${delimiter}`, 0);
  if (!first) throw new FramingError('The boundary that the Content-Type names is not in the body.');
  const lineEnd = buffer[first.end - 2] === CR ? '\r\n' : '\n';
  for (let at = first; !at.isLast; ) {
    // The line break that ends a delimiter line may begin the next one: a part with neither header nor content.
    const found = next(lineEnd + delimiter, at.end - lineEnd.length);
    if (!found)
      throw new FramingError('The end is missing: the last line must be the boundary between two "--".');
    yield partIn(buffer.subarray(at.end, Math.max(at.end, found.start)), lineEnd);
    at = found;
  }
}

/** A delimiter line, from the line break before it to behind the one at its end. */
interface Delimiter {
  readonly start: number;
  readonly end: number;
  /** It closes the body. */
  readonly isLast: boolean;
}

/** Finds the next line that begins with a line break and a delimiter and has only blanks behind them. */
function delimiterFinder(buffer: Buffer) {
  let falseLines = 0;
  return (marker: string, from: number): Delimiter | undefined => {
    for (let at = buffer.indexOf(marker, from, 'latin1'); at >= 0; falseLines += 1) {
      const found = delimiterLine(buffer, at, marker);
      if (found) return found;
      if (falseLines >= MAX_FALSE_LINES) {
        throw new FramingError(
          'Too many lines begin with the boundary; choose one that is not in the files.',
        );
      }
      at = buffer.indexOf(marker, at + marker.length, 'latin1');
    }
    return undefined;
  };
}

/** The delimiter line whose marker is at `start`; undefined where it is none: then it is content. */
function delimiterLine(buffer: Buffer, start: number, marker: string): Delimiter | undefined {
  const behind = start + marker.length;
  if (buffer.toString('latin1', start, behind) !== marker) return undefined;
  const isLast = buffer[behind] === DASH && buffer[behind + 1] === DASH;
  let end = isLast ? behind + 2 : behind;
  while (buffer[end] === SPACE || buffer[end] === TAB) end += 1;
  if (isLast && end === buffer.length) return { start, end, isLast };
  if (buffer[end] === CR && buffer[end + 1] === LF) return { start, end: end + 2, isLast };
  return buffer[end] === LF ? { start, end: end + 1, isLast } : undefined;
}

function partIn(part: Buffer, lineEnd: string): Part {
  if (part.subarray(0, lineEnd.length).equals(Buffer.from(lineEnd))) {
    return { header: part.subarray(0, 0), bytes: part.subarray(lineEnd.length) };
  }
  const end = part.indexOf(lineEnd + lineEnd);
  if (end < 0) return { header: undefined, bytes: part };
  return { header: part.subarray(0, end), bytes: part.subarray(end + 2 * lineEnd.length) };
}

const utf8 = new TextDecoder('utf-8', { fatal: true });
/** Has a character for every byte: what is no UTF-8 is mostly this. */
const westernEuropean = new TextDecoder('windows-1252');

/** The text of a header block: UTF-8 where it is that, else windows-1252, which browsers take Latin-1 to be. */
export function textOf(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    return westernEuropean.decode(bytes);
  }
}

/** Fields by their name in lower case; the first of a name counts. Folded lines are joined, lines without a colon ignored. */
export function fieldsOf(header: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of header.replace(/\r?\n[ \t]+/g, ' ').split(/\r?\n/)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).trim().toLowerCase();
    if (name !== '' && !fields.has(name)) fields.set(name, line.slice(colon + 1).trim());
  }
  return fields;
}
