import { join } from 'node:path';
import { cpuMsOf } from '@headgate/testkit/processes';
import { ROOT } from '@headgate/testkit/root';
import { type Part, processesOf, type Stack } from '@headgate/testkit/stack';
import { median, percentile } from '@headgate/testkit/stats';
import type { LoadJob } from './client.ts';
import { type Measured, rateOf, startWorker, type Worker } from './jobs.ts';
import type { BareJob } from './l0.ts';
import { PHOTOS_DIR } from './photos.ts';

/** Stages of the path, each one more of it than the one before. */
export type StageName = 'L0 bare loop' | 'inference, gRPC' | 'gateway, HTTP' | 'whole path, HTTPS';

/** Those that a photo passes. */
type PathPart = Exclude<Part, 'control'>;
const PARTS: readonly PathPart[] = ['envoy', 'gateway', 'inference', 'engine'];
const CONCURRENCIES = [1, 8, 32] as const;
/** Four loops keep two cores busy: fewer leave the session waiting for a decode, more change nothing. */
const BARE_LOOPS = 4;
const WARM_MS = 1000;

export interface StageResult {
  readonly stage: StageName;
  readonly concurrency: number;
  /** Median of the rounds. */
  readonly imagesPerS: number;
  /** Median of each round's own ratio to L0 of the same round. */
  readonly ratioToL0: number;
  /** Over all rounds, in ms. */
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  /** CPU-ms per image: servers in all, each of them, and the client, which shares the machine. */
  readonly serverCpuMs: number;
  readonly cpuMsOfPart: Readonly<Record<PathPart, number>>;
  readonly clientCpuMs: number;
  readonly failures: Readonly<Record<string, number>>;
}

interface Run {
  readonly measured: Measured;
  readonly cpuMsOfPart: Record<PathPart, number>;
}

interface Stage {
  readonly name: StageName;
  readonly concurrency: number;
  run(): Promise<Run>;
}

export interface PathOptions {
  readonly stack: Stack;
  readonly rounds: number;
  readonly stageMs: number;
  readonly progress: (line: string) => void;
}

/** Measures every stage once per round, all in one run, on the same photos and the same model. */
export async function measurePath(options: PathOptions): Promise<StageResult[]> {
  const client = startWorker<LoadJob>('./client.ts');
  const bare = startWorker<BareJob>('./l0.ts');
  try {
    const stages = stagesOf(options, client, bare);
    const rounds: Run[][] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      const runs: Run[] = [];
      for (const stage of stages) {
        const run = await stage.run();
        runs.push(run);
        const label = `${stage.name}, c=${stage.concurrency}`;
        options.progress(
          `round ${round}/${options.rounds}  ${label}: ${rateOf(run.measured).toFixed(1)} images/s`,
        );
      }
      rounds.push(runs);
    }
    return stages.map((stage, index) => summarise(stage, rounds, index));
  } finally {
    client.stop();
    bare.stop();
  }
}

function stagesOf(options: PathOptions, client: Worker<LoadJob>, bare: Worker<BareJob>): Stage[] {
  const { stack, stageMs } = options;
  const { ready } = stack;
  const photosDir = PHOTOS_DIR;
  const origin = (base: string, caFile: string | null) =>
    ({ kind: 'http', origin: base, path: '/predict', key: ready.keys.bench, caFile }) as const;
  const targets: [StageName, LoadJob['target']][] = [
    ['inference, gRPC', { kind: 'grpc', address: ready.inferenceGrpc, model: ready.model, version: '1' }],
    ['gateway, HTTP', origin(ready.gateway, null)],
    ['whole path, HTTPS', origin(ready.https as string, ready.caFile)],
  ];
  const model = join(ROOT, 'models', ready.model, '1/model.onnx');
  const baseline: Stage = {
    name: 'L0 bare loop',
    concurrency: BARE_LOOPS,
    run: async () => ({
      measured: await bare.run({ model, photosDir, durationMs: stageMs, concurrency: BARE_LOOPS }),
      cpuMsOfPart: { envoy: 0, gateway: 0, inference: 0, engine: 0 },
    }),
  };
  const loaded = targets.flatMap(([name, target]) =>
    CONCURRENCIES.map((concurrency) => ({
      name,
      concurrency,
      run: () =>
        withServerCpu(stack, () =>
          client.run({ target, photosDir, concurrency, warmMs: WARM_MS, durationMs: stageMs }),
        ),
    })),
  );
  return [baseline, ...loaded];
}

/** Runs `work` and takes the CPU time that each part of the stack used meanwhile. */
async function withServerCpu(stack: Stack, work: () => Promise<Measured>): Promise<Run> {
  const pids = PARTS.map((part) => [part, processesOf(stack, part).map(({ pid }) => pid)] as const);
  const used = () =>
    Object.fromEntries(
      pids.map(([part, list]) => [part, list.reduce((sum, pid) => sum + cpuMsOf(pid), 0)]),
    ) as Record<PathPart, number>;
  const before = used();
  const measured = await work();
  const after = used();
  const cpuMsOfPart = Object.fromEntries(PARTS.map((part) => [part, after[part] - before[part]]));
  return { measured, cpuMsOfPart: cpuMsOfPart as Record<PathPart, number> };
}

function summarise(stage: Stage, rounds: readonly Run[][], index: number): StageResult {
  const runs = rounds.map((round) => round[index] as Run);
  const latencies = runs.flatMap(({ measured }) => measured.latencies);
  const perImage = (cpuMs: (run: Run) => number) =>
    median(runs.map((run) => cpuMs(run) / run.measured.answered));
  const cpuMsOfPart = Object.fromEntries(
    PARTS.map((part) => [part, perImage((run) => run.cpuMsOfPart[part])]),
  ) as Record<PathPart, number>;
  const isBare = stage.name === 'L0 bare loop';
  return {
    stage: stage.name,
    concurrency: stage.concurrency,
    imagesPerS: median(runs.map(({ measured }) => rateOf(measured))),
    ratioToL0: median(
      rounds.map((round) => rateOf((round[index] as Run).measured) / rateOf((round[0] as Run).measured)),
    ),
    p50: percentile(latencies, 50),
    p95: percentile(latencies, 95),
    p99: percentile(latencies, 99),
    serverCpuMs: perImage((run) =>
      isBare ? run.measured.cpuMs : PARTS.reduce((sum, part) => sum + run.cpuMsOfPart[part], 0),
    ),
    cpuMsOfPart,
    clientCpuMs: isBare ? 0 : perImage((run) => run.measured.cpuMs),
    failures: addUp(runs.map(({ measured }) => measured.failures)),
  };
}

/** Sums counts by name. */
export function addUp(counts: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const count of counts) {
    for (const [name, value] of Object.entries(count)) sum[name] = (sum[name] ?? 0) + value;
  }
  return sum;
}
