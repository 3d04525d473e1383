import type { Calibration } from '@headgate/simulator/calibration';
import { median, percentile } from '@headgate/testkit/stats';
import { p50, type Run, type Series } from '../bench/series.ts';

/** One answer to a lone caller: its stages as the answer tells them, in ms. */
export interface Stages {
  readonly decode: number;
  readonly run: number;
}

/** Values that stand for all measured ones. */
const QUANTILES = 20;

/** What one machine that runs everything takes: from a lone caller and from full batches. */
export function calibrationOf(
  { lone, full }: { readonly lone: Series; readonly full: Series },
  stages: readonly Stages[],
  machine: { readonly source: string; readonly cores: number; readonly maxBatchSize: number },
): Calibration {
  const cost = (aloneMs: number, busyMs: number) => {
    return { busy_ms: round(busyMs), wake_ms: round(Math.max(0, aloneMs - busyMs)) };
  };
  const costOf = (part: string) => cost(cpuOf(lone, part), cpuOf(full, part));
  const [gateway, front, edge] = [costOf('gateway'), costOf('front'), costOf('Envoy')];
  const client = cost(clientCpuOf(lone), clientCpuOf(full));
  const costs = [gateway, front, edge, client];
  const cpuMs = costs.reduce((sum, { busy_ms, wake_ms }) => sum + busy_ms + wake_ms, 0);
  const runs = quantiles(stages.map(({ run }) => run));
  const decodes = quantiles(stages.map(({ decode }) => decode));
  const runMs = mean(runs);
  const busyRunMs = cpuOf(full, 'engine') - mean(decodes);
  // Time of a lone request outside decode and run; the processes spend CPU time beyond it after they answered.
  const wayMs = median(lone.runs.map(p50)) - median(stages.map(({ decode, run }) => decode + run));
  return {
    source: machine.source,
    run_ms: { 1: round(runMs), [machine.maxBatchSize]: round(machine.maxBatchSize * busyRunMs) },
    run_spread: runs.map((ms) => round(ms / runMs)),
    decode_ms: decodes.map(round),
    ...{ gateway, front, edge, client },
    after_share: round(Math.max(0, 1 - wayMs / cpuMs)),
    wire_ms: round(Math.max(0, wayMs - cpuMs)),
    pod: { cores: machine.cores, engines: machine.cores, decode_threads: 1, run_threads: 1, shared: true },
    gateway_cores: 1,
  };
}

function quantiles(values: readonly number[]): number[] {
  return Array.from({ length: QUANTILES }, (_, i) => percentile(values, (100 * (i + 0.5)) / QUANTILES));
}

/** CPU-ms of a part for each answer, median over the rounds. */
function cpuOf({ runs }: Series, part: string): number {
  return median(runs.map(({ measured, usage }: Run) => (usage.cpuMsOfPart[part] ?? 0) / measured.answered));
}

const clientCpuOf = ({ runs }: Series) =>
  median(runs.map(({ measured }) => measured.cpuMs / measured.answered));

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const round = (ms: number) => Math.round(ms * 1000) / 1000;
