import type { FileHandle } from 'node:fs/promises';
import { openRegularFile } from '@headgate/runtime/read-file';
import type { Head } from './chain.ts';

/** A head that was written outside of the log it belongs to. */
export interface AnchoredHead extends Head {
  readonly writer: string;
  /** When it was written there, in ms since the Unix epoch. */
  readonly atMs: number;
}

export interface ReadHeads {
  readonly heads: readonly AnchoredHead[];
  /** Lines that hold no head. */
  readonly unreadable: number;
}

/** One line of a file of heads. */
export function headLine({ writer, seq, hash, atMs }: AnchoredHead): string {
  return `${JSON.stringify({ writer, seq, hash: Buffer.from(hash).toString('hex'), at_ms: atMs })}\n`;
}

/** The heads in a file, in its order. Skips lines that hold no head, such as one torn by a crash. */
export function parseHeads(text: string): readonly AnchoredHead[] {
  return headsAndRest(text).heads;
}

const BEGIN = '{"writer":';

/**
 * A full disk or a crash may tear a line: the next head then begins in the middle of it. The torn part before that head
 * does not count as unreadable.
 */
function headsAndRest(text: string): ReadHeads {
  const heads: AnchoredHead[] = [];
  let unreadable = 0;
  for (const line of text.split(/\n|(?=\{"writer":)/)) {
    const head = headOf(line);
    if (head) heads.push(head);
    else if (line !== '' && (!line.startsWith(BEGIN) || line.endsWith('}'))) unreadable += 1;
  }
  return { heads, unreadable };
}

function headOf(line: string): AnchoredHead | undefined {
  try {
    const { writer, seq, hash, at_ms: atMs } = JSON.parse(line);
    const whole = [seq, atMs].every(Number.isSafeInteger);
    const valid = typeof writer === 'string' && whole && /^[0-9a-f]{64}$/.test(hash);
    return valid ? { writer, seq, hash: Buffer.from(hash, 'hex'), atMs } : undefined;
  } catch {
    return undefined;
  }
}

/** The head of a writer with the highest place. */
export function lastHead(heads: readonly AnchoredHead[], writer: string): AnchoredHead | undefined {
  return heads
    .filter((head) => head.writer === writer)
    .reduce<AnchoredHead | undefined>(
      (last, head) => (last && last.seq >= head.seq ? last : head),
      undefined,
    );
}

/** What is held of a file of heads at once, some 7000 lines; the file grows for as long as it is not rotated. */
const PART_BYTES = 2 ** 20;

/** Heads that stand together in a file. */
export interface HeadsPart extends ReadHeads {
  /** Where the part ends: with a whole line, in bytes from the begin of the file. */
  readonly end: number;
}

/**
 * The head of a writer with the highest place, found from the end of the file. Those of removed files
 * come after it, and lines of programs that append at once in any order: the part before the one with the first find is
 * looked at as well.
 *
 * @param path a file that is missing holds no heads
 */
export async function lastHeadIn(
  path: string,
  writer: string,
  partBytes = PART_BYTES,
): Promise<AnchoredHead | undefined> {
  const file = await openIfThere(path);
  if (!file) return undefined;
  const name = JSON.stringify(writer);
  let found: AnchoredHead | undefined;
  try {
    for await (const lines of linesFromEnd(file, partBytes)) {
      const wasFound = found !== undefined;
      // Most lines are those of other writers, and need not be parsed.
      const heads = parseHeads(lines.filter((line) => line.includes(name)).join('\n'));
      found = lastHead(found ? [found, ...heads] : heads, writer);
      if (wasFound) break;
    }
    return found;
  } finally {
    await file.close();
  }
}

/**
 * The heads of an open file in its order, a part at a time. A line that is being written is left for the next time.
 *
 * @param from where a line begins, in bytes
 */
export async function* headsFrom(
  file: FileHandle,
  from: number,
  partBytes = PART_BYTES,
): AsyncGenerator<HeadsPart> {
  const buffer = Buffer.alloc(partBytes);
  for (let end = from; ; ) {
    const { bytesRead } = await file.read(buffer, 0, partBytes, end);
    const whole = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
    // No head is as long as a part: damage is passed over.
    const bytes = whole === 0 && bytesRead === partBytes ? bytesRead : whole;
    if (bytes === 0) return;
    end += bytes;
    yield { ...headsAndRest(buffer.toString('utf8', 0, bytes)), end };
  }
}

/** All heads of a file, in its order. A missing file holds none. */
export async function headsIn(path: string): Promise<ReadHeads> {
  const file = await openIfThere(path);
  const heads: AnchoredHead[] = [];
  let unreadable = 0;
  if (!file) return { heads, unreadable };
  try {
    for await (const part of headsFrom(file, 0)) {
      for (const head of part.heads) heads.push(head);
      unreadable += part.unreadable;
    }
    return { heads, unreadable };
  } finally {
    await file.close();
  }
}

/**
 * Undefined when the file is missing; one that cannot be read is no missing one.
 *
 * @throws Error for a pipe or a device, which would never end
 */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  return openRegularFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error instanceof RangeError ? new Error(`${path} is no regular file`, { cause: error }) : error;
  });
}

/** The lines of a file, the last part first. */
async function* linesFromEnd(file: FileHandle, partBytes: number): AsyncGenerator<string[]> {
  let { size: start } = await file.stat();
  /** The end of a line whose begin is in the part before. */
  let rest: Buffer = Buffer.alloc(0);
  while (start > 0) {
    const bytes = Math.min(partBytes, start);
    start -= bytes;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, start);
    const part = Buffer.concat([buffer.subarray(0, bytesRead), rest]);
    const cut = start === 0 ? 0 : part.indexOf('\n') + 1;
    // A part without a line break is damage, and passed over.
    rest = part.subarray(0, cut);
    yield part.toString('utf8', cut).split('\n');
  }
}
