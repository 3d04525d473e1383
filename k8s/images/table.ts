import type { PullSize } from './registry.ts';

/** One line of the table that `npm run images` prints. */
export interface Row {
  readonly image: string;
  readonly digest: string;
  /** What a node pulls. */
  readonly bytes: PullSize;
  readonly seconds: number;
  readonly isNew: boolean;
}

export function table(rows: readonly Row[]): string {
  const cells = rows.map(({ image, digest, bytes, seconds, isNew }) => [
    image,
    digest,
    typeof bytes === 'number' ? `${(bytes / 1e6).toFixed(1)} MB` : bytes,
    isNew ? `${seconds.toFixed(1)} s` : 'unchanged',
  ]);
  const all = [['image', 'digest', 'to pull', 'time'], ...cells];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
