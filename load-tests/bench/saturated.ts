import { setTimeout as pause } from 'node:timers/promises';
import { grpcClient } from '@headgate/testkit/grpc';
import { fetchOnce } from '@headgate/testkit/http';
import { openLoad, type Sample } from '@headgate/testkit/load';
import type { Stack } from '@headgate/testkit/stack';
import { percentile } from '@headgate/testkit/stats';
import type { LoadJob } from './client.ts';
import { rateOf, startWorker } from './jobs.ts';
import { PHOTOS_DIR } from './photos.ts';

/** How the probes of an orchestrator fare while every core computes. Times in ms. */
export interface SaturatedResult {
  readonly readyz: { readonly p50: number; readonly p99: number; readonly count: number };
  readonly health: { readonly p50: number; readonly p99: number; readonly count: number };
  /** Probes that did not say "ready". */
  readonly notReady: number;
  readonly imagesPerS: number;
  readonly failures: Readonly<Record<string, number>>;
}

const CONCURRENCY = 64;
const PROBE_EVERY_MS = 20;
const WARM_MS = 1000;

export async function measureSaturated(stack: Stack, durationMs: number): Promise<SaturatedResult> {
  const { ready } = stack;
  const client = startWorker<LoadJob>('./client.ts');
  const grpc = grpcClient(ready.inferenceGrpc);
  const { https: origin, caFile } = ready as { https: string; caFile: string };
  const target = { kind: 'http', origin, caFile, path: '/predict', key: ready.keys.bench } as const;
  const photosDir = PHOTOS_DIR;
  try {
    const loaded = client.run({ target, photosDir, concurrency: CONCURRENCY, warmMs: WARM_MS, durationMs });
    await pause(WARM_MS);
    const readyz = openLoad(PROBE_EVERY_MS, async () => (await fetchOnce(ready.health)).status === 200);
    const health = openLoad(PROBE_EVERY_MS, async () => (await grpc.health()) === 'SERVING');
    const measured = await loaded;
    const [probes, checks] = await Promise.all([readyz.stop(), health.stop()]);
    return {
      readyz: summarise(probes),
      health: summarise(checks),
      notReady: [...probes, ...checks].filter(({ result }) => !result).length,
      imagesPerS: rateOf(measured),
      failures: measured.failures,
    };
  } finally {
    client.stop();
    grpc.close();
  }
}

function summarise(samples: readonly Sample<boolean>[]): SaturatedResult['readyz'] {
  const durations = samples.map(({ startMs, endMs }) => endMs - startMs);
  return { p50: percentile(durations, 50), p99: percentile(durations, 99), count: durations.length };
}
