import type { Datatype } from './manifest.ts';

/** Datatypes whose elements are numbers in JSON and in typed contents. FP16 has no such form: it travels raw. */
export type NumberType = Exclude<Datatype, 'BYTES' | 'BOOL' | 'FP16'>;

/** How the elements of a datatype lie in a raw block, and which JavaScript numbers they can be. */
export interface NumberRule {
  /** Whole numbers from `min` to `max`; any number when absent. */
  readonly range?: readonly [min: number, max: number];
  readonly write: (view: DataView, offset: number, value: number) => void;
  /** The element as JSON writes it: exact, also where JavaScript has no such number. */
  readonly text: (view: DataView, offset: number) => string;
}

type Put = NumberRule['write'];
type Get = (view: DataView, offset: number) => number;

const whole = (bits: number, signed: boolean, write: Put, get: Get): NumberRule => ({
  range: signed ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1],
  write,
  text: (view, at) => String(get(view, at)),
});

const real = (write: Put, get: Get): NumberRule => ({ write, text: (view, at) => realText(get(view, at)) });

/** Numbers of 64 bits reach us as JavaScript numbers, which are exact up to this one. */
const EXACT = Number.MAX_SAFE_INTEGER;

export const NUMBERS: Readonly<Record<NumberType, NumberRule>> = {
  INT8: whole(8, true, (v, at, n) => v.setInt8(at, n), (v, at) => v.getInt8(at)),
  INT16: whole(16, true, (v, at, n) => v.setInt16(at, n, true), (v, at) => v.getInt16(at, true)),
  INT32: whole(32, true, (v, at, n) => v.setInt32(at, n, true), (v, at) => v.getInt32(at, true)),
  UINT8: whole(8, false, (v, at, n) => v.setUint8(at, n), (v, at) => v.getUint8(at)),
  UINT16: whole(16, false, (v, at, n) => v.setUint16(at, n, true), (v, at) => v.getUint16(at, true)),
  UINT32: whole(32, false, (v, at, n) => v.setUint32(at, n, true), (v, at) => v.getUint32(at, true)),
  INT64: {
    range: [-EXACT, EXACT],
    write: writeExact,
    text: (v, at) => exactText(v.getInt32(at + 4, true), v, at) ?? String(v.getBigInt64(at, true)),
  },
  UINT64: {
    range: [0, EXACT],
    write: writeExact,
    text: (v, at) => exactText(v.getUint32(at + 4, true), v, at) ?? String(v.getBigUint64(at, true)),
  },
  FP32: real((v, at, n) => v.setFloat32(at, n, true), (v, at) => v.getFloat32(at, true)),
  FP64: real((v, at, n) => v.setFloat64(at, n, true), (v, at) => v.getFloat64(at, true)),
}; // biome-ignore format: a table

/** @returns 'NaN', 'Infinity' or '-Infinity' for what JSON cannot say */
function realText(value: number): string {
  return Object.is(value, -0) ? '-0.0' : String(value);
}

const WORD = 2 ** 32;

/** A whole number up to 2^53 - 1 as 64 bits, in two words: a tenth of the time that a BigInt takes. */
function writeExact(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / WORD), true);
}

/** 64 bits, of which `high` is the upper word, as text; undefined where JavaScript has no such number. */
function exactText(high: number, view: DataView, at: number): string | undefined {
  const value = high * WORD + view.getUint32(at, true);
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
