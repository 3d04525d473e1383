import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '@headgate/contracts/config/schema';
import { openSpool, SPOOL_DEFAULTS } from '@headgate/journal/spool/spool';
import { DAY_MS, systemClock } from '@headgate/runtime/clock';
import { readHashKey } from '@headgate/runtime/keyed-hash';
import { POLICIES } from '@headgate/runtime/resilience/policies';
import { stopAll } from '@headgate/runtime/stop-all';
import type { Capture } from '../capture/capture.ts';
import type { Surroundings } from '../surroundings.ts';
import { noRecorder, type Recorder } from './recorder.ts';
import { exposeSpool, reportShipper, reportSpool } from './reports.ts';
import { startShipper } from './shipper.ts';
import { databasePolicy, sinkOf } from './sinks.ts';
import { spoolRecorder } from './spool-recorder.ts';

/** To read 250 records holds the event loop for 4 ms; the pauses are those of a breaker that probes every 5 s. */
const SHIPPING = { batchRecords: 250, intervalMs: 1000, retryMinMs: 100, retryMaxMs: 5000, restMs: 5000 };

export interface Records {
  readonly recorder: Recorder;
  /** Writes the records in memory and delivers them. The next process of this spool delivers the rest. */
  stop(): Promise<void>;
}

export interface RecordsDeps extends Surroundings {
  /** Keeps sampled images beside the records. */
  readonly capture?: Capture | undefined;
}

/**
 * Spool, recorder and shipper as the configuration says.
 *
 * @throws SpoolLockedError, HashKeyError
 */
export async function startRecords(
  config: Config,
  { root, secret, logger, metrics, resilience, capture }: RecordsDeps,
): Promise<Records> {
  const { records } = config;
  if (records.sink === 'none') return { recorder: noRecorder, stop: async () => undefined };
  const writer = records.writer || `gateway-${config.listen.port_base}`;
  const spool = await openSpool({
    dir: resolve(root, records.spool_dir, writer),
    clock: systemClock,
    report: reportSpool(logger, metrics.registry),
    limits: { ...SPOOL_DEFAULTS, maxBytes: records.spool_bytes },
  });
  exposeSpool(metrics.registry, spool, records.spool_bytes);
  const policy = { ...POLICIES.database, ...config.dependencies.database };
  const sink = await sinkOf(config, { secret, logger });
  const shipper = startShipper({
    reader: spool.reader,
    sink,
    writer,
    ...SHIPPING,
    guard: databasePolicy({ config: policy, report: resilience }).run,
    report: reportShipper(logger, metrics.registry),
    pause: (ms, signal) => sleep(ms, undefined, { signal, ref: false }).catch(() => undefined),
  });
  return {
    recorder: spoolRecorder({
      spool,
      hashKey: readHashKey(resolve(root, records.hash_key_file)),
      retentionMs: records.retention_days * DAY_MS,
      wantsSketches: records.sketches,
      capture,
    }),
    async stop() {
      await stopAll([() => spool.flush(), () => shipper.stop(), () => spool.close(), () => sink.close()]);
    },
  };
}
