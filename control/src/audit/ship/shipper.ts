import { randomUUID } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Head } from '@headgate/journal/audit/chain';
import { type AnchoredHead, headsFrom, lastHead, openIfThere } from '@headgate/journal/audit/heads';
import { SHIPMENT_FILE, type Shipment } from '@headgate/journal/audit/trim';
import { nextPauseMs } from '@headgate/runtime/resilience/backoff';
import { strangersIn, writersIn } from '../read-log.ts';
import type { AuditStore } from '../store/audit-store.ts';
import { LogFaultError, shipLog } from './ship-log.ts';

/** Receives reports of shipping. */
export interface ShipperReport {
  stored(writer: string, records: number): void;
  /** Heads that the store did not have before. */
  anchored(heads: readonly AnchoredHead[]): void;
  /** The log of a writer was changed; it is looked at again at its next anchored head. */
  fault(writer: string, error: LogFaultError): void;
  /** The store or the disk failed; everything is tried again. */
  failed(error: unknown): void;
}

export interface ShipperOptions {
  /** Holds a directory a writer. */
  readonly dir: string;
  readonly headsFile: string;
  readonly openStore: () => Promise<AuditStore>;
  readonly batchRecords: number;
  /** When it looks for the first time, and how often from then on, in ms. */
  readonly firstAfterMs: number;
  readonly intervalMs: number;
  readonly report: ShipperReport;
}

/** Pauses after failures: those of a breaker that probes every 5 s. */
const RETRY = { minMs: 200, maxMs: 5000, random: Math.random };

export interface AuditShipper {
  /** What is not stored stays in the logs. */
  stop(): Promise<void>;
  /**
   * Stops, then stores what is anchored by now, for writers that have ended and whose logs are about to be removed.
   *
   * @returns false when the time was not enough
   */
  finish(withinMs: number): Promise<boolean>;
}

/** Brings the logs of all writers into the store until it is stopped. */
export function startAuditShipper(options: ShipperOptions): AuditShipper {
  const stopping = new AbortController();
  const { signal } = stopping;
  const pass = shippingPass(options, signal);

  const run = async () => {
    let pauseMs = options.firstAfterMs;
    let lastRetryMs: number | undefined;
    while (!signal.aborted) {
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await pass();
        lastRetryMs = undefined;
        pauseMs = options.intervalMs;
      } catch (error) {
        lastRetryMs = nextPauseMs(lastRetryMs, RETRY);
        pauseMs = lastRetryMs;
        options.report.failed(error);
      }
    }
  };

  const ended = run();
  const stop = async () => {
    stopping.abort();
    await ended;
  };
  return {
    stop,
    async finish(withinMs) {
      const signal = AbortSignal.timeout(withinMs);
      await stop();
      const last = shippingPass(options, signal);
      for (let pauseMs: number | undefined; !signal.aborted; ) {
        try {
          await last();
          return !signal.aborted;
        } catch (error) {
          options.report.failed(error);
          pauseMs = nextPauseMs(pauseMs, RETRY);
          await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
        }
      }
      return false;
    },
  };
}

/** One look at the heads: every writer that has a new one is shipped up to it. */
export function shippingPass(
  options: Pick<ShipperOptions, 'dir' | 'headsFile' | 'openStore' | 'batchRecords' | 'report'>,
  signal: AbortSignal,
) {
  const { dir, batchRecords, report } = options;
  const tail = followHeads(options.headsFile);

  /** A head that contradicts what is stored is shown, and not stored. */
  const withoutContradicted = async (store: AuditStore, writer: string, heads: readonly AnchoredHead[]) => {
    const wrong = new Set(await store.contradicted(writer, heads));
    if (wrong.size === 0) return heads;
    const message = `a head of ${writer} differs from record ${[...wrong][0]}, which is stored`;
    report.fault(writer, new LogFaultError(message));
    return heads.filter(({ seq }) => !wrong.has(seq));
  };

  const ship = async (store: AuditStore, writer: string, written: readonly AnchoredHead[]) => {
    const heads = await withoutContradicted(store, writer, written);
    const log = { writer, dir: join(dir, writer), upTo: lastHead(heads, writer)?.seq ?? 0 };
    const options = { store, batchRecords, signal };
    // Heads come after their records: a verification meanwhile must not miss any.
    const appendHeads = async () => {
      // After a restart the file is read from its begin, and may hold those of years.
      const stored = await store.lastHeadSeq(writer);
      const fresh = heads.filter(({ seq }) => seq > stored);
      for (let from = 0; from < fresh.length; from += batchRecords) {
        await store.appendHeads(fresh.slice(from, from + batchRecords));
      }
      if (fresh.length > 0) report.anchored(fresh);
    };
    if (!(await writersIn(dir)).includes(writer)) return appendHeads();
    for (const name of await strangersIn(log.dir)) {
      report.fault(writer, new LogFaultError(`its writer did not make ${name}`));
    }
    try {
      const shipped = await shipLog(log, options).catch(async (error) => {
        if (!(error instanceof LogFaultError)) throw error;
        // What follows a hole is taken after a head that the store knows.
        await appendHeads();
        return shipLog(log, options);
      });
      if (signal.aborted) return;
      await appendHeads();
      if (shipped.records > 0) report.stored(writer, shipped.records);
      await noteShipment(log.dir, shipped.last);
    } catch (error) {
      if (!(error instanceof LogFaultError)) throw error;
      report.fault(writer, error);
    }
  };

  return async (): Promise<void> => {
    const failures = new Map<string, unknown>();
    for await (const heads of tail.read()) {
      const store = await options.openStore();
      for (const [writer, own] of Map.groupBy(heads, (head) => head.writer)) {
        // What comes after heads that are not stored must wait for them.
        if (failures.has(writer)) continue;
        await ship(store, writer, own).catch((error) => failures.set(writer, error));
      }
      if (signal.aborted) return;
    }
    // The others are not held up by one whose log cannot be read; all of it is tried again.
    for (const [, failure] of failures) throw failure;
    tail.done();
  };
}

/** Tells the writer of the log what it need not keep any more. */
async function noteShipment(dir: string, last: Head | undefined): Promise<void> {
  if (!last) return;
  const path = join(dir, SHIPMENT_FILE);
  const draft = `${path}.${randomUUID()}`;
  const note: Shipment = { seq: last.seq, hash: Buffer.from(last.hash).toString('hex') };
  await writeFile(draft, JSON.stringify(note), { mode: 0o600 });
  await rename(draft, path);
}

/** Follows a file of heads as it grows. @param partBytes what is read at once */
export function followHeads(path: string, partBytes?: number) {
  let inode: number | undefined;
  let from = 0;
  let upTo = 0;
  return {
    /**
     * The heads since `done` was called last, a part at a time; all of them after a restart, or when the file was
     * replaced or became shorter.
     *
     * @throws the file system's error; a file that does not exist yet holds no heads
     */
    async *read(): AsyncIterable<readonly AnchoredHead[]> {
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
    /** What was read last is dealt with. */
    done() {
      from = upTo;
    },
  };
}
