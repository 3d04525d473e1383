import { crc32 } from 'node:zlib';

/**
 * One record on disk: magic (4 bytes), CRC-32 of all that follows (4), payload length (4), sequence (8), kind (1),
 * payload. Integers are little-endian. The first byte of the magic occurs in no UTF-8 text, so what looks like a
 * frame inside the payload of another one cannot come from a caller.
 */
export interface Frame {
  readonly sequence: number;
  /** `gap` stands for records that could not be kept. */
  readonly kind: FrameKind;
  readonly payload: Uint8Array;
}

type FrameKind = 'record' | 'gap';

export const FRAME_HEADER_BYTES = 21;

/** Largest payload of one record. */
export const MAX_PAYLOAD_BYTES = 2 ** 20;

const MAGIC = Buffer.from([0xff, 0x48, 0x47, 0x31]);
const KINDS: readonly FrameKind[] = ['record', 'gap'];
const AT = { crc: 4, length: 8, sequence: 12, kind: 20 } as const;

/** The frames back to back, ready for one write. */
export function encodeFrames(frames: readonly Frame[]): Buffer {
  const size = frames.reduce((sum, { payload }) => sum + FRAME_HEADER_BYTES + payload.byteLength, 0);
  const bytes = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const frame of frames) {
    const end = offset + FRAME_HEADER_BYTES + frame.payload.byteLength;
    encodeInto(bytes.subarray(offset, end), frame);
    offset = end;
  }
  return bytes;
}

function encodeInto(bytes: Buffer, { sequence, kind, payload }: Frame): void {
  bytes.set(MAGIC, 0);
  bytes.writeUInt32LE(payload.byteLength, AT.length);
  bytes.writeBigUInt64LE(BigInt(sequence), AT.sequence);
  bytes.writeUInt8(KINDS.indexOf(kind), AT.kind);
  bytes.set(payload, FRAME_HEADER_BYTES);
  bytes.writeUInt32LE(crc32(bytes.subarray(AT.length)), AT.crc);
}

export interface Scan {
  /** In the order of their sequences. Payloads are views of the scanned bytes. */
  readonly frames: readonly Frame[];
  /** Where the last whole frame ends; what follows is a torn tail. */
  readonly end: number;
  /** Bytes before `end` that belong to no whole frame. */
  readonly damagedBytes: number;
}

/** Finds every whole frame. A damaged one is skipped and costs none of its neighbours. */
export function scanFrames(bytes: Buffer): Scan {
  const frames: Frame[] = [];
  let end = 0;
  let damagedBytes = 0;
  let offset = bytes.indexOf(MAGIC);
  while (offset >= 0) {
    const frame = frameAt(bytes, offset);
    if (frame && frame.sequence > (frames.at(-1)?.sequence ?? -1)) {
      damagedBytes += offset - end;
      end = offset + FRAME_HEADER_BYTES + frame.payload.byteLength;
      frames.push(frame);
      offset = bytes.indexOf(MAGIC, end);
    } else {
      offset = bytes.indexOf(MAGIC, offset + 1);
    }
  }
  return { frames, end, damagedBytes };
}

/** The frame whose magic lies at `offset`, if it is whole. */
function frameAt(bytes: Buffer, offset: number): Frame | undefined {
  if (bytes.byteLength - offset < FRAME_HEADER_BYTES) return undefined;
  const start = offset + FRAME_HEADER_BYTES;
  const end = start + bytes.readUInt32LE(offset + AT.length);
  if (end - start > MAX_PAYLOAD_BYTES || end > bytes.byteLength) return undefined;
  if (crc32(bytes.subarray(offset + AT.length, end)) !== bytes.readUInt32LE(offset + AT.crc))
    return undefined;
  const kind = KINDS[bytes.readUInt8(offset + AT.kind)];
  if (kind === undefined) return undefined;
  const sequence = Number(bytes.readBigUInt64LE(offset + AT.sequence));
  return { sequence, kind, payload: bytes.subarray(start, end) };
}
