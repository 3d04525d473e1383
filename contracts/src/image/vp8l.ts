/** A lossless WebP stream behind its header (RFC 9649, 3): where its bits are, and the size of its picture. */
export interface Vp8lStream {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly width: number;
  readonly height: number;
}

/** Groups are numbered in 16 bits, and each takes at least 20 bits: five prefix codes of 4. */
const MOST_GROUPS = 65_536;
const GROUP_BITS = 20;
/** Cells of transforms and of the map of groups that are read: encoders write up to 20,000 for 40 megapixels. */
const MOST_CELLS = 32_768;
const GREEN_SYMBOLS = 256 + 24;
const ALPHABETS = [256, 256, 256, 40] as const;

/**
 * Groups of prefix codes, for which a decoder builds tables of 6 kB to 14 kB each. Transforms and the map of groups
 * are read in order to find the number; where they are larger than encoders write them, it is what the bytes permit.
 */
export function groupsOf({ bytes, start, width, height }: Vp8lStream): number {
  const bits = new Bits(bytes, start);
  let cells = 0;
  let columns = width;
  const readImage = (width: number, height: number) => {
    cells += width * height;
    return cells > MOST_CELLS ? undefined : largestPixel(bits, width * height);
  };
  const readCells = () => {
    const size = 2 ** (bits.read(3) + 2);
    return readImage(Math.ceil(columns / size), Math.ceil(height / size));
  };
  const unknown = Math.min(MOST_GROUPS, Math.floor(((bytes.byteLength - start) * 8) / GROUP_BITS));
  for (let transforms = 0; bits.read(1) === 1; transforms += 1) {
    const type = bits.read(2);
    if (transforms === 4) return unknown;
    if (type < 2) {
      if (readCells() === undefined) return unknown;
    } else if (type === 3) {
      const colours = bits.read(8) + 1;
      readImage(colours, 1);
      columns = Math.ceil(columns / (colours > 16 ? 1 : colours > 4 ? 2 : colours > 2 ? 4 : 8));
    }
  }
  if (bits.read(1) === 1) bits.read(4);
  if (bits.read(1) === 0) return 1;
  const largest = readCells();
  return largest === undefined ? unknown : Math.min(unknown, largest + 1);
}

/** Reads an image without groups. @returns largest of its pixels' red and green as one number */
function largestPixel(bits: Bits, count: number): number {
  const cache = bits.read(1) === 1 ? 2 ** bits.read(4) : 0;
  const green = readCode(bits, GREEN_SYMBOLS + cache);
  const [red, blue, alpha, distance] = ALPHABETS.map((symbols) => readCode(bits, symbols)) as [
    Code,
    Code,
    Code,
    Code,
  ];
  let largest = 0;
  for (let i = 0; i < count; ) {
    const symbol = decode(bits, green);
    if (symbol < 256) {
      largest = Math.max(largest, decode(bits, red) * 256 + symbol);
      decode(bits, blue);
      decode(bits, alpha);
      i += 1;
    } else if (symbol < GREEN_SYMBOLS) {
      i += readExtra(bits, symbol - 256);
      readExtra(bits, decode(bits, distance));
    } else i += 1;
  }
  return largest;
}

function readExtra(bits: Bits, prefix: number): number {
  if (prefix < 4) return prefix + 1;
  const extra = (prefix - 2) >> 1;
  return (2 + (prefix & 1)) * 2 ** extra + bits.read(extra) + 1;
}

/** Symbols in canonical order, and how many of them have each length. */
interface Code {
  readonly symbols: Uint16Array;
  readonly counts: Uint16Array;
}

const LONGEST = 15;

function codeOf(lengths: Uint8Array): Code {
  const counts = new Uint16Array(LONGEST + 1);
  for (const length of lengths) counts[length] = (counts[length] as number) + 1;
  const next = new Uint16Array(LONGEST + 1);
  for (let i = 2; i <= LONGEST; i += 1) next[i] = (next[i - 1] as number) + (counts[i - 1] as number);
  const symbols = new Uint16Array(lengths.length - (counts[0] as number));
  lengths.forEach((length, symbol) => {
    if (length === 0) return;
    symbols[next[length] as number] = symbol;
    next[length] = (next[length] as number) + 1;
  });
  return { symbols, counts };
}

function decode(bits: Bits, { symbols, counts }: Code): number {
  if (symbols.length < 2) return symbols[0] ?? 0;
  let offset = 0;
  let index = 0;
  for (let length = 1; length <= LONGEST; length += 1) {
    offset = offset * 2 + bits.read(1);
    const count = counts[length] as number;
    if (offset < count) return symbols[index + offset] as number;
    index += count;
    offset -= count;
  }
  return 0; // no such code: decoders refuse it
}

const LENGTH_ORDER = [17, 18, 0, 1, 2, 3, 4, 5, 16, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15] as const;

function readCode(bits: Bits, symbols: number): Code {
  const lengths = new Uint8Array(symbols);
  if (bits.read(1) === 1) {
    const two = bits.read(1) === 1;
    lengths[bits.read(bits.read(1) === 1 ? 8 : 1)] = 1;
    if (two) lengths[bits.read(8)] = 1;
    return codeOf(lengths);
  }
  const ofLengths = new Uint8Array(LENGTH_ORDER.length);
  const given = bits.read(4) + 4;
  for (const length of LENGTH_ORDER.slice(0, given)) ofLengths[length] = bits.read(3);
  const code = codeOf(ofLengths);
  let left = bits.read(1) === 1 ? 2 + bits.read(2 + 2 * bits.read(3)) : symbols;
  let previous = 8;
  for (let at = 0; at < symbols && left > 0; left -= 1) {
    const length = decode(bits, code);
    const repeat =
      length < 16
        ? 1
        : length === 16
          ? 3 + bits.read(2)
          : length === 17
            ? 3 + bits.read(3)
            : 11 + bits.read(7);
    if (length > 0 && length < 16) previous = length;
    const value = length < 16 ? length : length === 16 ? previous : 0;
    lengths.fill(value, at, at + repeat);
    at += repeat;
  }
  return codeOf(lengths);
}

/** Bits from the lowest of each byte on; zeros behind the end. */
class Bits {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.#at = start * 8;
  }

  read(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i += 1, this.#at += 1)
      value |= (((this.#bytes[this.#at >>> 3] ?? 0) >> (this.#at & 7)) & 1) << i;
    return value;
  }
}
