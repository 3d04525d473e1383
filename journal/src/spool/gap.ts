import type { DropCause } from '@headgate/contracts/records';
import type { Clock } from '@headgate/runtime/clock';

/** Records that were lost in a row. Becomes a record itself, as soon as one can be kept again. */
export interface Gap {
  readonly dropped: number;
  /** Wall clock in ms of the first and the last one. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Of the last one. */
  readonly cause: DropCause;
}

export interface GapCounter {
  count(dropped: number, cause: DropCause): void;
  /** What was lost since the last gap that was written; undefined when nothing was. */
  open(): Gap | undefined;
  /** The gap is on disk; what was lost meanwhile is the begin of the next one. */
  written(gap: Gap): void;
}

export function createGapCounter(clock: Clock): GapCounter {
  let open: Gap | undefined;
  return {
    count(dropped, cause) {
      const toMs = clock.epochMs();
      open = { dropped: (open?.dropped ?? 0) + dropped, fromMs: open?.fromMs ?? toMs, toMs, cause };
    },
    open: () => open,
    written(gap) {
      if (open === undefined) return;
      const dropped = open.dropped - gap.dropped;
      open = dropped > 0 ? { ...open, dropped, fromMs: gap.toMs } : undefined;
    },
  };
}

export function causeOf(error: unknown): DropCause {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' ? 'disk_full' : 'disk_error';
}

export function encodeGap({ dropped, fromMs, toMs, cause }: Gap): Uint8Array {
  return Buffer.from(JSON.stringify({ dropped, from_ms: fromMs, to_ms: toMs, cause }));
}
