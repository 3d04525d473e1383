import { open } from 'node:fs/promises';
import { type AnchoredHead, parseHeads } from '@headgate/contracts/audit/heads';

/** Follows a file of heads as it grows. */
export interface HeadsTail {
  /**
   * The heads since `done` was called last; all of them after a restart, or when the file became shorter.
   *
   * @throws the file system's error; a file that does not exist yet holds no heads
   */
  read(): Promise<readonly AnchoredHead[]>;
  /** What was read last is dealt with. */
  done(): void;
}

const NEWLINE = 0x0a;

export function followHeads(path: string): HeadsTail {
  let from = 0;
  let upTo = 0;
  return {
    async read() {
      const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return undefined;
        throw error;
      });
      if (!file) return [];
      try {
        const { size } = await file.stat();
        if (size < from) from = 0;
        const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
        // A line that is being written is left for the next time.
        const whole = buffer.subarray(0, buffer.subarray(0, bytesRead).lastIndexOf(NEWLINE) + 1);
        upTo = from + whole.byteLength;
        return parseHeads(whole.toString());
      } finally {
        await file.close();
      }
    },
    done() {
      from = upTo;
    },
  };
}
