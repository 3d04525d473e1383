import type { AnchoredHead } from '@headgate/journal/audit/heads';
import { headsFrom, openIfThere } from '@headgate/journal/audit/heads-file';

/** Follows a file of heads as it grows. */
export interface HeadsTail {
  /**
   * The heads since `done` was called last, a part at a time; all of them after a restart, or when the file was
   * replaced or became shorter.
   *
   * @throws the file system's error; a file that does not exist yet holds no heads
   */
  read(): AsyncIterable<readonly AnchoredHead[]>;
  /** What was read last is dealt with. */
  done(): void;
}

/** @param partBytes what is read at once */
export function followHeads(path: string, partBytes?: number): HeadsTail {
  let inode: number | undefined;
  let from = 0;
  let upTo = 0;
  return {
    async *read() {
      const file = await openIfThere(path);
      if (!file) return;
      try {
        const { size, ino } = await file.stat();
        if (size < from || ino !== inode) from = 0;
        inode = ino;
        upTo = from;
        for await (const { heads, end } of headsFrom(file, from, partBytes)) {
          upTo = end;
          if (heads.length > 0) yield heads;
        }
      } finally {
        await file.close();
      }
    },
    done() {
      from = upTo;
    },
  };
}
