import { METRIC } from '@headgate/contracts/names';
import { DROP_CAUSES } from '@headgate/contracts/records';
import type { Spool, SpoolReport } from '@headgate/journal/spool/spool';
import { liveGauge } from '@headgate/runtime/live-gauge';
import type { Logger } from '@headgate/runtime/logger';
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ShipperReport } from './shipper.ts';

/** Shows what the spool keeps and loses. The first loss after a success is logged, the counter tells how many. */
export function reportSpool(logger: Logger, registry: Registry): SpoolReport {
  const kept = new Counter({
    name: METRIC.recordsWritten,
    help: 'Records written into the spool.',
    registers: [registry],
  });
  const lost = new Counter({
    name: METRIC.recordsDropped,
    help: 'Records that could not be kept, by cause; a gap record stands for them.',
    labelNames: ['cause'] as const,
    registers: [registry],
  });
  // From the start: Prometheus sees no increase in a series that begins with its first loss.
  for (const cause of DROP_CAUSES) lost.inc({ cause }, 0);
  let losing = false;
  return {
    written(records) {
      kept.inc(records);
      if (losing) logger.info('records are kept again');
      losing = false;
    },
    dropped(records, cause) {
      lost.inc({ cause }, records);
      if (!losing) logger.error({ cause }, 'records cannot be kept; predictions go on without');
      losing = true;
    },
    damaged: (bytes) => logger.warn({ bytes }, 'the spool holds bytes that belong to no whole record'),
  };
}

export function exposeSpool(registry: Registry, spool: Pick<Spool, 'stats'>, limitBytes: number): void {
  const { spoolLimit, spoolBytes, spoolUndelivered } = METRIC;
  liveGauge(registry, spoolLimit, 'What the spool may grow to.', () => limitBytes);
  liveGauge(registry, spoolBytes, 'Size of the spool on disk.', () => spool.stats().bytes);
  const undelivered = 'Records in the spool that are not delivered yet.';
  liveGauge(registry, spoolUndelivered, undelivered, () => spool.stats().undelivered);
}

/** Logs when delivery begins to fail and when it works again, not each attempt. */
export function reportShipper(logger: Logger, registry: Registry): ShipperReport {
  const deliveries = new Counter({
    name: METRIC.recordsShipped,
    help: 'Records by what became of their delivery: delivered, or refused by the store for ever.',
    labelNames: ['outcome'] as const,
    registers: [registry],
  });
  const failures = new Counter({
    name: METRIC.shipFailures,
    help: 'Attempts to deliver records that failed; they are repeated.',
    registers: [registry],
  });
  const down = new Gauge({
    name: METRIC.sinkDown,
    help: '1 while records cannot be delivered; they wait in the spool.',
    registers: [registry],
  });
  let failing = false;
  return {
    delivered(records) {
      deliveries.inc({ outcome: 'delivered' }, records);
      down.set(0);
      if (failing) logger.info('records are delivered again');
      failing = false;
    },
    refused(records, err) {
      deliveries.inc({ outcome: 'refused' }, records);
      logger.error({ records, err }, 'records were refused by the store, and are skipped');
    },
    failed(err) {
      failures.inc();
      down.set(1);
      if (!failing) logger.warn({ err }, 'records cannot be delivered; they wait in the spool');
      failing = true;
    },
  };
}
