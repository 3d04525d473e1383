import { seeded } from '@headgate/testkit/random';
import { expect, it } from 'vitest';
import { type Calibration, calibrationSchema } from './calibration.ts';
import { plan } from './plan.ts';

const FREE = { busy_ms: 0, wake_ms: 0 };

/** An accelerator for which a batch of eight takes twice as long as one item. */
const GPU = calibrationSchema.parse({
  source: 'made up',
  run_ms: { 1: 10, 8: 20, 16: 40 },
  decode_ms: [1],
  gateway: { busy_ms: 1, wake_ms: 0 },
  front: FREE,
  edge: FREE,
  pod: { cores: 8, engines: 1, decode_threads: 8, run_threads: 0 },
});

const question = (perSecond: number | number[], p95Ms: number, more: Partial<Calibration> = {}) => ({
  calibration: { ...GPU, ...more },
  perSecond: [perSecond].flat(),
  p95Ms,
  batchSizes: [1, 8, 16],
  delaysMs: [0],
  requests: 800,
  randomOf: () => seeded(1),
});

it('takes the batch size that serves most, and as many pods as the load needs', async () => {
  const found = await plan(question([1000, 10_000], 150));
  // Eight items in 20 ms are 400 per second, of which 85 % are planned for.
  expect(found?.maxBatchSize).toBe(8);
  // 1 ms of a core for each request, at most six tenths of a core in use.
  expect(found?.deployments).toMatchObject([
    { perSecond: 1000, pods: 3, gateways: 3, minReplicas: 3, maxReplicas: 4 },
    { perSecond: 10_000, pods: 30, gateways: 17, minReplicas: 30, maxReplicas: 40 },
  ]);
  for (const { planned } of found?.deployments ?? []) expect(planned.p95Ms).toBeLessThanOrEqual(150);
  expect(found?.target.cpuPercent).toBeNull();
  expect(found?.target.queueTimeMs).toBeGreaterThan(0);
  expect(found?.curve.at(-1)?.p95Ms).toBeGreaterThan(found?.curve[0]?.p95Ms as number);
});

it('needs more pods for a tighter latency', async () => {
  const pods = async (p95Ms: number) =>
    (await plan(question(5000, p95Ms)))?.deployments[0]?.pods ?? Number.NaN;
  expect(await pods(30)).toBeGreaterThan(await pods(200));
});

it('has no plan where a lone request is too slow', async () => {
  expect(await plan(question(10, 5))).toBeUndefined();
});

it('scales by the use of cores where the runs use cores', async () => {
  const pod = { ...GPU.pod, engines: 8, run_threads: 1, decode_threads: 1 };
  const found = await plan(question(5000, 150, { pod }));
  expect(found?.target.cpuPercent).toBeGreaterThan(0);
  expect(found?.target.queueTimeMs).toBeNull();
});
