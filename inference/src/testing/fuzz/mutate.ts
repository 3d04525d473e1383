import { partsOf, repairChecksums } from './containers.ts';

/** Whole numbers from 0 to below `below`. */
export type Random = (below: number) => number;

/** At these, arithmetic on sizes goes wrong. */
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff];
const MAX_STEPS = 3;

/** A damaged copy of an image. The same random numbers give the same damage. */
export function mutate(seed: Buffer, random: Random): Buffer {
  let file: Buffer = Buffer.from(seed);
  for (let step = random(MAX_STEPS); step >= 0; step -= 1) {
    const change = CHANGES[random(CHANGES.length)] as Change;
    if (file.length > 0) file = change(file, random);
  }
  if (random(4) > 0) repairChecksums(file);
  return file;
}

type Change = (file: Buffer, random: Random) => Buffer;

const CHANGES: readonly Change[] = [
  function flipBit(file, random) {
    const at = random(file.length);
    file[at] = (file[at] as number) ^ (1 << random(8));
    return file;
  },
  function setByte(file, random) {
    file[random(file.length)] = random(256);
    return file;
  },
  function writeEdge(file, random) {
    const edge = EDGES[random(EDGES.length)] as number;
    const width = random(2) === 0 ? 2 : 4;
    // Headers are where sizes lie.
    const at = random(random(2) === 0 ? Math.min(64, file.length) : file.length);
    if (at + width > file.length) return file;
    if (random(2) === 0) file.writeUIntBE(edge % 2 ** (8 * width), at, width);
    else file.writeUIntLE(edge % 2 ** (8 * width), at, width);
    return file;
  },
  function lieAboutLength(file, random) {
    const parts = partsOf(file);
    const part = parts[random(Math.max(1, parts.length))];
    if (!part || part.lengthAt + part.lengthBytes > file.length) return file;
    const { lengthAt, lengthBytes, littleEndian } = part;
    const edge = (EDGES[random(EDGES.length)] as number) % 2 ** (8 * lengthBytes);
    if (littleEndian) file.writeUIntLE(edge, lengthAt, lengthBytes);
    else file.writeUIntBE(edge, lengthAt, lengthBytes);
    return file;
  },
  function repeatPart(file, random) {
    const parts = partsOf(file);
    const part = parts[random(Math.max(1, parts.length))];
    if (!part) return file;
    const copy = file.subarray(Math.max(0, part.lengthAt - 4), part.end);
    return Buffer.concat([file.subarray(0, part.end), copy, file.subarray(part.end)]);
  },
  function cut(file, random) {
    return file.subarray(0, random(file.length));
  },
  function removeRange(file, random) {
    const from = random(file.length);
    return Buffer.concat([file.subarray(0, from), file.subarray(from + 1 + random(64))]);
  },
  function repeatRange(file, random) {
    const from = random(file.length);
    const range = file.subarray(from, from + 1 + random(256));
    return Buffer.concat([file.subarray(0, from), range, file.subarray(from)]);
  },
  function fillRange(file, random) {
    const from = random(file.length);
    file.fill(random(2) === 0 ? 0xff : 0, from, Math.min(file.length, from + 1 + random(64)));
    return file;
  },
];
