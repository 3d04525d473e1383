import { METRIC } from '@headgate/contracts/names';
import { describe, expect, it } from 'vitest';
import type { Series } from '../../../test/e2e/harness/metrics.ts';
import { renderBatching } from './report.ts';
import { stageTimes } from './stages.ts';

/** The page of metrics after so many batches of so many items, 20 ms each. */
function page(batches: number, size: number): Series[] {
  const labels = { model: 'm', version: '1' };
  const stage = { ...labels, stage: 'run' };
  return [
    { name: `${METRIC.batchSize}_sum`, labels, value: batches * size },
    { name: `${METRIC.batchSize}_count`, labels, value: batches },
    { name: `${METRIC.stageDuration}_sum`, labels: stage, value: batches * size * 0.02 },
    { name: `${METRIC.stageDuration}_count`, labels: stage, value: batches * size },
    { name: `${METRIC.batchSize}_sum`, labels: { ...labels, model: 'other' }, value: 1e6 },
  ];
}

it('reads mean batch and stage times of one model from what the counters grew by', () => {
  const { meanBatch, meanMs } = stageTimes(page(10, 1), [...page(30, 4)], 'm');
  expect(meanBatch).toBeCloseTo((120 - 10) / 20);
  expect(meanMs.run).toBeCloseTo(20);
});

describe('The report of the batching benchmark', () => {
  const stages = { meanBatch: 4, meanMs: { queue: 1, decode: 2, run: 3, respond: 0.1 } };
  const run = (maxBatch: number, imagesPerS: number) => ({
    model: 'm',
    maxBatch,
    measured: {
      latencies: Array.from({ length: imagesPerS }, () => 5),
      windowMs: 1000,
      answered: imagesPerS,
      failures: {},
      cpuMs: 10,
    },
    serverCpuMs: 10 * imagesPerS,
    stages,
  });
  const machine = { date: '', commit: '', cpu: '', memoryGib: 1, kernel: '', loadBefore: 0, versions: {} };

  it('compares each batch size with no batching on the same model', () => {
    const runs = [run(1, 100), run(8, 150), run(1, 100), run(8, 130), run(1, 100), run(8, 120)];
    const report = renderBatching({ machine, rounds: 3, stageMs: 1000, runs });
    expect(report).toContain(
      '| m | 8 | 130.0 | 1.30 | 10.00 | 4.00 | 5.0 | 5.0 | 1.00 | 2.00 | 3.00 | 0.10 | 0 |',
    );
  });
});
