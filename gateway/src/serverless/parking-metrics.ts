import { METRIC } from '@headgate/contracts/names';
import { Counter, exponentialBuckets, Gauge, Histogram, type Registry } from 'prom-client';
import type { Parking, ParkingReport } from './parking.ts';

/** 0.1 s to 51 s. */
const SECONDS = exponentialBuckets(0.1, 2, 10);

/** Counts parked requests. */
export function reportParking(registry: Registry): ParkingReport {
  const registers = [registry];
  const requests = new Counter({
    name: METRIC.parkedTotal,
    help: 'Requests that waited for the first pod of their model, by how that ended.',
    labelNames: ['model', 'outcome'] as const,
    registers,
  });
  const duration = new Histogram({
    name: METRIC.parkedDuration,
    help: 'How long they waited.',
    labelNames: ['model'] as const,
    buckets: SECONDS,
    registers,
  });
  return {
    left(model, outcome, waitedMs) {
      requests.inc({ model, outcome });
      if (outcome === 'served') duration.observe({ model }, waitedMs / 1000);
    },
  };
}

/** Those that wait now: control starts a pod by this figure. */
export function exposeParking(registry: Registry, parking: Pick<Parking, 'waiting'>): void {
  new Gauge({
    name: METRIC.parkedRequests,
    help: 'Requests that wait for the first pod of their model.',
    labelNames: ['model'] as const,
    registers: [registry],
    collect() {
      for (const [model, count] of parking.waiting()) this.set({ model }, count);
    },
  });
}
