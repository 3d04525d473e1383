import { RECORD_VERSION, recordSchema, type StoredRecord } from '@headgate/contracts/records';
import type { Frame, SpoolReader } from '@headgate/journal/spool/spool';
import { nextPauseMs } from '@headgate/runtime/resilience/backoff';
import { type RecordSink, RecordsRefusedError } from '@headgate/stores/records/sink';

/** Receives reports of delivery. */
export interface ShipperReport {
  delivered(records: number): void;
  /** Records that no sink will ever take, or that cannot be read: they are skipped. */
  refused(records: number, cause: unknown): void;
  /** A delivery failed; the next attempt follows in so many ms. */
  failed(error: unknown, retryMs: number): void;
}

/** Runs a call, or refuses it at once while its dependency is known to be down: `run` of a policy. */
type CallGuard = <T>(call: (signal: AbortSignal) => Promise<T>, signal: AbortSignal) => Promise<T>;

export interface ShipperOptions {
  readonly reader: SpoolReader;
  readonly sink: RecordSink;
  readonly writer: string;
  /** Most records of one delivery. */
  readonly batchRecords: number;
  /** How long records gather for one delivery, in ms, unless there are enough of them. */
  readonly intervalMs: number;
  /** Least and longest pause after a failure, in ms. */
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
  /** How long a stop may deliver the remaining records, in ms. */
  readonly restMs: number;
  readonly report: ShipperReport;
  /** Settles after so many ms, or at once when the signal is aborted. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>;
  /** In [0, 1). */
  readonly random?: () => number;
  readonly guard?: CallGuard;
}

export interface Shipper {
  /**
   * Delivers what is in the spool by now, for the time that a stop may take. What the sink does not accept stays in the
   * spool for the next process, unless the spool goes with a pod.
   */
  stop(): Promise<void>;
}

const callOnce: CallGuard = (call, signal) => call(signal);

/** Delivers what the spool holds, in order, for as long as it runs. A batch is acknowledged only once it is kept. */
export function startShipper(options: ShipperOptions): Shipper {
  const { reader, sink, report, pause, random = Math.random, guard = callOnce } = options;
  const stopping = new AbortController();
  const { signal } = stopping;

  const deliver = async (records: readonly StoredRecord[], within: AbortSignal): Promise<void> => {
    if (records.length === 0) return;
    try {
      await guard((attempt) => sink.deliver(records, attempt), within);
      report.delivered(records.length);
    } catch (error) {
      if (!(error instanceof RecordsRefusedError)) throw error;
      if (records.length === 1) return report.refused(1, error);
      // One bad record must not hold up its neighbours: halves find it in few steps.
      const middle = records.length >> 1;
      await deliver(records.slice(0, middle), within);
      await deliver(records.slice(middle), within);
    }
  };

  /** @returns true when more records wait than one delivery takes */
  const step = async (within: AbortSignal): Promise<boolean> => {
    const frames = await reader.read(options.batchRecords);
    const last = frames.at(-1);
    if (!last) return false;
    const records = frames.map((frame) => decodeFrame(frame, options.writer));
    const readable = records.filter((record) => record !== undefined);
    if (readable.length < records.length) report.refused(records.length - readable.length, undefined);
    await deliver(readable, within);
    await reader.acknowledge(last.sequence);
    return frames.length === options.batchRecords;
  };

  /** Delivers until `within` is aborted. @param onEmpty the spool holds no more; answers whether to go on */
  const run = async (within: AbortSignal, onEmpty: () => Promise<boolean>) => {
    const backoff = { minMs: options.retryMinMs, maxMs: options.retryMaxMs, random };
    let lastRetryMs: number | undefined;
    while (!within.aborted) {
      try {
        const more = await step(within);
        lastRetryMs = undefined;
        if (!more && !(await onEmpty())) return;
      } catch (error) {
        if (within.aborted) return;
        lastRetryMs = nextPauseMs(lastRetryMs, backoff);
        report.failed(error, lastRetryMs);
        await pause(lastRetryMs, within);
      }
    }
  };

  const ended = run(signal, () => pause(options.intervalMs, signal).then(() => true));
  return {
    async stop() {
      stopping.abort();
      await ended;
      await run(AbortSignal.timeout(options.restMs), async () => false);
    },
  };
}

const utf8 = new TextDecoder();

/** A frame of the spool as a record of the store; undefined when it is none that this version knows. */
function decodeFrame({ kind, sequence, payload }: Frame, writer: string): StoredRecord | undefined {
  const json = parse(utf8.decode(payload));
  const value = kind === 'gap' ? { type: 'gap', v: RECORD_VERSION, writer, sequence, ...Object(json) } : json;
  const parsed = recordSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
