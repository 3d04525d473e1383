/**
 * `npm run bench:layouts`: how many engines with how many threads serve best on this machine. Starts inference
 * alone in one layout after the other, loads it over gRPC with 1, 8 and 32 callers, and prints a table; asserts
 * nothing. The rounds interleave the layouts, and the median of the rounds counts.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMsOf } from '../../test/e2e/harness/processes.ts';
import { ROOT } from '../../test/e2e/harness/stack.ts';
import { median, percentile } from '../../test/e2e/harness/stats.ts';
import type { LoadJob } from './client.ts';
import { startInference } from './inference-process.ts';
import { startWorker, type Worker } from './jobs.ts';
import { describeMachine } from './machine.ts';
import { type OwnRun, ownRun } from './own-run.ts';
import { onlyControl } from './routing.ts';

/** Engines x threads of a session x images that one engine decodes at once. */
interface BenchLayout {
  readonly instances: number;
  readonly sessionThreads: number;
  readonly decodeThreads: number;
}

interface Figures {
  readonly imagesPerS: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMsPerImage: number;
  readonly residentMiB: number;
}

const CONCURRENCIES = [1, 8, 32] as const;
const DEFAULT_LAYOUTS = '1x2x2,1x2x1,1x1x1,1x1x2,2x1x1,2x1x2,2x2x1';
const USAGE = `npm run bench:layouts -- [--layouts ${DEFAULT_LAYOUTS}] [--rounds 3] [--seconds 5]
  a layout is engines x threads of a session x decode threads`;
const WARM_MS = 1000;
const MODEL = { model: 'efficientnet-lite0', version: '1' };

type Options = ReturnType<typeof readOptions>;

function readOptions() {
  const { values } = parseArgs({
    options: {
      layouts: { type: 'string', default: DEFAULT_LAYOUTS },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '5' },
    },
  });
  const layouts = values.layouts.split(',').map((text) => {
    const match = /^([1-9]\d?)x([1-9]\d?)x([1-9]\d?)$/.exec(text);
    if (!match) throw new TypeError(`--layouts: expected something like 2x1x1, not ${text}`);
    const [instances, sessionThreads, decodeThreads] = match.slice(1).map(Number) as [number, number, number];
    return { instances, sessionThreads, decodeThreads };
  });
  const [rounds, seconds] = [Number(values.rounds), Number(values.seconds)];
  if (!(rounds >= 1 && seconds > 0)) throw new TypeError('--rounds and --seconds: expected positive numbers');
  return { layouts, rounds, durationMs: seconds * 1000 };
}

function environmentOf({ instances, sessionThreads, decodeThreads }: BenchLayout, routingFile: string) {
  return {
    HEADGATE_ROUTING_FILE: routingFile,
    HEADGATE_INFERENCE__EXECUTION__INSTANCES: String(instances),
    HEADGATE_INFERENCE__EXECUTION__INTRA_OP_THREADS: String(sessionThreads),
    HEADGATE_INFERENCE__EXECUTION__DECODE_THREADS: String(decodeThreads),
  };
}

function residentBytes(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

interface Load {
  readonly client: Worker<LoadJob>;
  readonly routingFile: string;
  readonly durationMs: number;
}

/** One layout under each number of callers. */
async function measure(
  layout: BenchLayout,
  { client, routingFile, durationMs }: Load,
  run: OwnRun,
): Promise<Figures[]> {
  const { address, pids, stop } = await startInference(environmentOf(layout, routingFile), run);
  const cpuMs = () => pids().reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  const target = { kind: 'grpc', address, ...MODEL } as const;
  const photosDir = join(ROOT, 'samples/bench');
  const figures: Figures[] = [];
  try {
    for (const concurrency of CONCURRENCIES) {
      run.signal.throwIfAborted();
      const beforeMs = cpuMs();
      const measured = await client.run({ target, photosDir, concurrency, warmMs: WARM_MS, durationMs });
      const usedMs = cpuMs() - beforeMs;
      if (Object.keys(measured.failures).length > 0) throw new Error(JSON.stringify(measured.failures));
      figures.push({
        imagesPerS: (measured.latencies.length * 1000) / measured.windowMs,
        p50Ms: percentile(measured.latencies, 50),
        p99Ms: percentile(measured.latencies, 99),
        cpuMsPerImage: usedMs / measured.answered,
        residentMiB: pids().reduce((sum, pid) => sum + residentBytes(pid), 0) / 2 ** 20,
      });
    }
  } finally {
    await stop();
  }
  return figures;
}

const nameOf = ({ instances, sessionThreads, decodeThreads }: BenchLayout) =>
  `${instances} x ${sessionThreads} x ${decodeThreads}`;

/** @param rounds of each layout, the figures of each round */
function render(layouts: readonly BenchLayout[], rounds: readonly (readonly Figures[][])[]): string {
  const rows = layouts.flatMap((layout, i) =>
    CONCURRENCIES.map((callers, c) => {
      const of = (read: (figures: Figures) => number) =>
        median((rounds[i] ?? []).map((round) => read(round[c] as Figures)));
      const cells = [
        nameOf(layout),
        callers,
        of((one) => one.imagesPerS).toFixed(1),
        of((one) => one.p50Ms).toFixed(1),
        of((one) => one.p99Ms).toFixed(1),
        of((one) => one.cpuMsPerImage).toFixed(1),
        of((one) => one.residentMiB).toFixed(0),
      ];
      return `| ${cells.join(' | ')} |`;
    }),
  );
  const head = [
    '| engines x session threads x decode threads | callers | images/s | p50 ms | p99 ms | server CPU-ms per image | resident MiB |',
    '|---|---|---|---|---|---|---|',
  ];
  return [...head, ...rows].join('\n');
}

async function bench({ layouts, rounds, durationMs }: Options, run: OwnRun): Promise<void> {
  const machine = describeMachine();
  run.progress(`${machine.cpu}, load average ${machine.loadBefore.toFixed(2)}`);
  const routingFile = onlyControl(join(run.dir, 'routing.yaml'));
  const client = startWorker<LoadJob>('./client.ts');
  const results: Figures[][][] = layouts.map(() => []);
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [i, layout] of layouts.entries()) {
        run.progress(`round ${round} of ${rounds}: ${nameOf(layout)}`);
        results[i]?.push(await measure(layout, { client, routingFile, durationMs }, run));
      }
    }
  } finally {
    client.stop();
  }
  console.log(`\n${machine.date} ${machine.commit}, ${machine.cpu}, median of ${rounds} rounds\n`);
  console.log(render(layouts, results));
}

function optionsOrExit(): Options {
  try {
    return readOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${USAGE}`);
    process.exit(2);
  }
}

const options = optionsOrExit();
await ownRun((run) => bench(options, run));
