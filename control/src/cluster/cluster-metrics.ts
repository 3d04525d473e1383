import { METRIC } from '@headgate/contracts/names';
import type { Logger } from '@headgate/runtime/logger';
import { Counter, exponentialBuckets, Histogram, type Registry } from 'prom-client';
import type { PoolReport } from './pool.ts';

/** 0.25 s to 8 minutes: an image of some GB has to be fetched. */
const SECONDS = exponentialBuckets(0.25, 2, 12);

/** Shows when pools were scaled, and what a cold start took. */
export function reportPools(
  registry: Registry,
  logger: Pick<Logger, 'info' | 'warn'>,
): PoolReport & { failed(error: unknown): void } {
  const registers = [registry];
  const scalings = new Counter({
    name: METRIC.scalings,
    help: 'Pools of serverless models that were started or ended.',
    labelNames: ['model', 'direction'] as const,
    registers,
  });
  const coldStart = new Histogram({
    name: METRIC.coldStart,
    help: 'Stages of a start from no pod to the first answer: scale, start, load, answer.',
    labelNames: ['model', 'stage'] as const,
    buckets: SECONDS,
    registers,
  });
  let isFailing = false;
  return {
    scaled(model, replicas) {
      isFailing = false;
      scalings.inc({ model, direction: replicas === 1 ? 'up' : 'down' });
      logger.info(
        { model, replicas },
        replicas === 1 ? 'a request waits: a pod is started' : 'idle: its pods end',
      );
    },
    coldStarted(model, stages) {
      for (const [stage, seconds] of Object.entries(stages)) coldStart.observe({ model, stage }, seconds);
      logger.info({ model, seconds: stages }, 'a cold start has ended');
    },
    failed(err) {
      if (!isFailing) logger.warn({ err }, 'a serverless model cannot be scaled; it is tried each second');
      isFailing = true;
    },
  };
}
