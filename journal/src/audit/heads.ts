import type { Head } from './chain.ts';

/** A head that was written outside of the log it belongs to. */
export interface AnchoredHead extends Head {
  readonly writer: string;
  /** When it was written there, in ms since the Unix epoch. */
  readonly atMs: number;
}

/** One line of a file of heads. */
export function headLine({ writer, seq, hash, atMs }: AnchoredHead): string {
  return `${JSON.stringify({ writer, seq, hash: Buffer.from(hash).toString('hex'), at_ms: atMs })}\n`;
}

/** The heads in a file, in its order. A line that is none, such as one torn by a crash, is left out. */
export function parseHeads(text: string): AnchoredHead[] {
  return text
    .split('\n')
    .map(headOf)
    .filter((head) => head !== undefined);
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
