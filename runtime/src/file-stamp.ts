import { type BigIntStats, statSync } from 'node:fs';

/**
 * Identity of a version of a file without reading it. A replaced file has another inode, and one that was written to has
 * another time of change (ctime), which no program can set back as it can the time stamp. Links are followed, so that
 * the swap of a mounted ConfigMap counts.
 */
export function stampOf(path: string): string {
  try {
    return stampOfStatus(statSync(path, { bigint: true }));
  } catch {
    return 'unreadable';
  }
}

/** As `stampOf`, of a status that was asked for already. */
export function stampOfStatus({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}
