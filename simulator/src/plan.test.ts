import { seeded } from '@headgate/testkit/random';
import { expect, it } from 'vitest';
import type { Calibration } from './calibration.ts';
import { plan } from './plan.ts';

const FREE = { busy_ms: 0, wake_ms: 0 };

/** An accelerator for which a batch of eight takes twice as long as one item. */
const GPU: Calibration = {
  source: 'made up',
  run_ms: { 1: 10, 8: 20, 16: 40 },
  decode_ms: [1],
  gateway: { busy_ms: 1, wake_ms: 0 },
  front: FREE,
  edge: FREE,
  client: FREE,
  wire_ms: 0,
  pod: { cores: 8, engines: 1, decode_threads: 8, run_threads: 0, shared: false },
  gateway_cores: 1,
};

const question = (perSecond: number, p95Ms: number, more: Partial<Calibration> = {}) => ({
  calibration: { ...GPU, ...more },
  perSecond,
  p95Ms,
  batchSizes: [1, 8, 16],
  delaysMs: [0],
  requests: 800,
  randomOf: () => seeded(1),
});

it('takes the batch size that serves most, and as many pods as the load needs', async () => {
  const found = await plan(question(1000, 150));
  // Eight items in 20 ms are 400 per second, of which 85 % are planned for.
  expect(found?.maxBatchSize).toBe(8);
  expect(found?.pods).toBe(3);
  expect(found?.planned.p95Ms).toBeLessThanOrEqual(150);
  // 1 ms of a core for each request, at most six tenths of a core in use.
  expect(found?.gateways).toBe(3);
  expect(found?.autoscaling).toMatchObject({ minReplicas: 3, maxReplicas: 4, cpuPercent: null });
  expect(found?.curve.map(({ p95Ms }) => p95Ms).at(-1)).toBeGreaterThan(found?.curve[0]?.p95Ms as number);
});

it('needs more pods for a tighter latency', async () => {
  const pods = async (p95Ms: number) => (await plan(question(5000, p95Ms)))?.pods ?? Number.NaN;
  expect(await pods(30)).toBeGreaterThan(await pods(200));
});

it('has no plan where a lone request is too slow', async () => {
  expect(await plan(question(10, 5))).toBeUndefined();
});

it('scales by the use of cores where the runs use cores', async () => {
  const pod = { ...GPU.pod, engines: 8, run_threads: 1, decode_threads: 1 };
  const found = await plan(question(5000, 150, { pod }));
  expect(found?.autoscaling.cpuPercent).toBeGreaterThan(0);
  expect(found?.autoscaling.queueTimeMs).toBeNull();
});
