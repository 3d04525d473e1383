import { median, percentile } from '../../../test/e2e/harness/stats.ts';
import { type Measured, rateOf } from '../jobs.ts';
import type { Machine } from '../machine.ts';
import { countsText, machineLines, table } from '../markdown.ts';
import { addUp } from '../path.ts';
import { STAGES, type StageTimes } from './stages.ts';

/** One load on one model with one batch size. */
export interface BatchingRun {
  readonly model: string;
  readonly maxBatch: number;
  readonly measured: Measured;
  /** Of front and engines, warm-up included, in ms. */
  readonly serverCpuMs: number;
  readonly stages: StageTimes;
}

export interface BatchingResult {
  readonly machine: Machine;
  readonly rounds: number;
  readonly stageMs: number;
  readonly runs: readonly BatchingRun[];
}

/** The whole report as Markdown: medians of the rounds, percentiles over all of them. */
export function renderBatching({ machine, rounds, stageMs, runs }: BatchingResult): string {
  const groups = Map.groupBy(runs, ({ model, maxBatch }) => `${model} ${maxBatch}`);
  const heads = ['model', 'max batch', 'images/s', '/ no batching', 'CPU-ms per image', 'mean batch'];
  const stages = STAGES.map((stage) => `${stage} ms`);
  const rows = [...groups.values()].map((group) => cells(group, runs));
  return [
    `${machineLines(machine)}\n${rounds} interleaved rounds of ${stageMs / 1000} s, 32 callers over gRPC; stages are means per item from the server's own metrics.`,
    table([...heads, 'p50 ms', 'p99 ms', ...stages, 'failed'], rows),
  ].join('\n\n');
}

function cells(group: readonly BatchingRun[], all: readonly BatchingRun[]): string[] {
  const [{ model, maxBatch }] = group as [BatchingRun];
  const of = (runs: readonly BatchingRun[], value: (run: BatchingRun) => number) => median(runs.map(value));
  const rate = ({ measured }: BatchingRun) => rateOf(measured);
  const single = all.filter((run) => run.model === model && run.maxBatch === 1);
  const latencies = group.flatMap(({ measured }) => measured.latencies);
  return [
    model,
    String(maxBatch),
    of(group, rate).toFixed(1),
    single.length > 0 ? (of(group, rate) / of(single, rate)).toFixed(2) : '–',
    of(group, ({ serverCpuMs, measured }) => serverCpuMs / measured.answered).toFixed(2),
    of(group, ({ stages }) => stages.meanBatch).toFixed(2),
    percentile(latencies, 50).toFixed(1),
    percentile(latencies, 99).toFixed(1),
    ...STAGES.map((stage) => of(group, ({ stages }) => stages.meanMs[stage]).toFixed(2)),
    countsText(addUp(group.map(({ measured }) => measured.failures))),
  ];
}
