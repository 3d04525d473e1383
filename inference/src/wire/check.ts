import { isUtf8 } from 'node:buffer';
import { HeadgateError } from '@headgate/contracts/errors';
import type { WireField, WireMessage } from './schema.ts';

/** What one message may hold: reading more would keep this process busy before anything can be refused. */
export interface WireLimits {
  /** Fields, those of inner messages included: each becomes an object, however few bytes it has. */
  readonly message_fields: number;
  /** Typed values; raw blocks have no such limit. */
  readonly message_numbers: number;
}

/** A million numbers take 0.25 s to read. */
export const WIRE_LIMITS: WireLimits = { message_fields: 65_536, message_numbers: 1_048_576 };

/**
 * Walks over a message before it is read. A library that reads protobuf makes an object of each field, however many
 * there are, takes lengths that lie as cut, and replaces what is not UTF-8; this makes nothing and says no instead.
 *
 * @throws HeadgateError invalid_request, naming the field
 */
export function checkWire(bytes: Uint8Array, message: WireMessage, limits: WireLimits): void {
  new Walk(bytes, limits).message({ message, end: bytes.byteLength, place: undefined });
}

/** The first text of a field, of a message that may be damaged behind it; '' when it is not found. */
export function textField(bytes: Uint8Array, number: number): string {
  try {
    return new Walk(bytes, NO_LIMITS).text(number);
  } catch {
    return '';
  }
}

const NO_LIMITS: WireLimits = { message_fields: Infinity, message_numbers: Infinity };

/** Where a message lies in the one around it; spelled out only for an error. */
interface Place {
  readonly parent: Place | undefined;
  field: WireField;
  /** Of a message in a repeated field. */
  index: number;
}

interface Scope {
  readonly message: WireMessage;
  /** Offset behind its last byte. */
  readonly end: number;
  readonly place: Place | undefined;
}

const utf8 = new TextDecoder();
const WIRE = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 } as const;
const SCALARS = { varint: WIRE.varint, fixed64: WIRE.fixed64, fixed32: WIRE.fixed32 } as const;
/** Of a 64-bit number, seven bits in each byte. */
const VARINT_BYTES = 10;

class Walk {
  readonly #bytes: Uint8Array;
  readonly #limits: WireLimits;
  #at = 0;
  #fields = 0;
  #numbers = 0;

  constructor(bytes: Uint8Array, limits: WireLimits) {
    this.#bytes = bytes;
    this.#limits = limits;
  }

  message({ message, end, place: parent }: Scope): void {
    /** Messages of each repeated field so far, by its number. */
    let counts: number[] | undefined;
    // One place for all fields of this message: it is read only for an error.
    let place: Place | undefined;
    while (this.#at < end) {
      const tag = this.#varint(end, parent);
      const number = Math.floor(tag / 8);
      const field = message.get(number);
      if (!field) {
        this.#count(undefined);
        this.#value(tag & 7, { place: undefined, end, parent });
        continue;
      }
      place ??= { parent, field, index: 0 };
      place.field = field;
      if (field.repeated && field.message) {
        counts ??= [];
        place.index = counts[number] ?? 0;
        counts[number] = place.index + 1;
      }
      this.#count(place);
      this.#value(tag & 7, { place, end, parent });
    }
  }

  text(number: number): string {
    const end = this.#bytes.byteLength;
    while (this.#at < end) {
      const tag = this.#varint(end, undefined);
      if (tag === number * 8 + WIRE.bytes) {
        const length = this.#length(end, undefined);
        return utf8.decode(this.#bytes.subarray(this.#at, this.#at + length));
      }
      this.#value(tag & 7, { place: undefined, end, parent: undefined });
    }
    return '';
  }

  #value(
    wire: number,
    { place, end, parent }: { place: Place | undefined; end: number; parent: Place | undefined },
  ): void {
    if (place && !fits(wire, place.field)) throw refused(place, `expected another wire type than ${wire}`);
    if (wire === WIRE.varint) this.#varint(end, place ?? parent);
    else if (wire === WIRE.fixed64) this.#skip(8, end, place ?? parent);
    else if (wire === WIRE.fixed32) this.#skip(4, end, place ?? parent);
    else if (wire === WIRE.bytes) this.#content(place, this.#length(end, place ?? parent));
    else throw refused(parent, `expected protobuf, and found wire type ${wire} at byte ${this.#at}`);
  }

  /** What follows a length. Unknown fields are skipped, as protobuf has it. */
  #content(place: Place | undefined, length: number): void {
    const start = this.#at;
    const end = start + length;
    if (place?.field.message) {
      this.message({ message: place.field.message, end, place });
      return;
    }
    this.#at = end;
    if (!place) return;
    if (place.field.kind === 'text') {
      if (!isUtf8(this.#bytes.subarray(start, end))) throw refused(place, 'expected UTF-8');
    } else if (place.field.kind !== 'bytes') {
      this.#packed(place, start, end);
    }
  }

  #packed(place: Place, start: number, end: number): void {
    const { kind } = place.field;
    if (kind === 'varint') for (let at = start; at < end; at += 1) this.#numbers += isLast(this.#bytes[at]);
    else this.#numbers += (end - start) / (kind === 'fixed64' ? 8 : 4);
    if (kind === 'varint' ? !isLast(this.#bytes[end - 1] ?? 0) : !Number.isInteger(this.#numbers))
      throw refused(place, 'expected whole numbers');
    if (this.#numbers <= this.#limits.message_numbers) return;
    const remedy = place.field.name === 'shape' ? '' : '; send large tensors in raw_input_contents';
    throw refused(place, `expected at most ${this.#limits.message_numbers} numbers in a message${remedy}`);
  }

  #count(place: Place | undefined): void {
    this.#fields += 1;
    const { message_fields: most } = this.#limits;
    if (this.#fields > most) throw refused(place, `expected at most ${most} fields in a message`);
  }

  #length(end: number, place: Place | undefined): number {
    const length = this.#varint(end, place);
    const left = end - this.#at;
    if (length <= left) return length;
    throw refused(place, `expected at most the ${left} bytes that are left, not ${length}`);
  }

  #skip(length: number, end: number, place: Place | undefined): void {
    this.#at += length;
    if (this.#at > end) throw refused(place, `expected ${length} bytes`);
  }

  /** A whole number; beyond 2^53 it is not exact, and too large for whatever it stands for. */
  #varint(end: number, place: Place | undefined): number {
    let value = 0;
    let scale = 1;
    for (let count = 0; count < VARINT_BYTES && this.#at < end; count += 1) {
      const byte = this.#bytes[this.#at] as number;
      this.#at += 1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
    throw refused(place, `expected protobuf, and found no number before byte ${this.#at}`);
  }
}

function fits(wire: number, { kind, repeated }: WireField): boolean {
  if (kind === 'text' || kind === 'bytes' || kind === 'message') return wire === WIRE.bytes;
  return wire === SCALARS[kind] || (repeated && wire === WIRE.bytes);
}

/** 1 for the byte that ends a number, else 0. */
function isLast(byte = 0): 0 | 1 {
  return byte < 0x80 ? 1 : 0;
}

function refused(place: Place | undefined, expectation: string): HeadgateError {
  return new HeadgateError('invalid_request', `${nameOf(place)}: ${expectation}.`);
}

function nameOf(place: Place | undefined): string {
  if (!place) return 'message';
  const { parent, field, index } = place;
  const own = field.repeated && field.message ? `${field.name}[${index}]` : field.name;
  return parent ? `${nameOf(parent)}.${own}` : own;
}
