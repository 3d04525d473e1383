/**
 * `npm run bench:layouts`: how many engines with how many threads serve best on this machine. Starts inference
 * alone in one layout after the other, loads it over gRPC with 1, 8 and 32 callers, and prints a table; asserts
 * nothing. The rounds interleave the layouts, and the median of the rounds counts.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { portOf } from '@headgate/contracts/names';
import { eventually, within } from '../../test/e2e/harness/deadline.ts';
import { fetchOnce } from '../../test/e2e/harness/http.ts';
import { freePortBase } from '../../test/e2e/harness/ports.ts';
import { cpuMsOf, descendantsOf } from '../../test/e2e/harness/processes.ts';
import { ROOT } from '../../test/e2e/harness/stack.ts';
import { median, percentile } from '../../test/e2e/harness/stats.ts';
import type { LoadJob } from './client.ts';
import { startWorker, type Worker } from './jobs.ts';
import { describeMachine } from './machine.ts';
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

/** Inference alone, in one layout, ready. */
async function startInference(layout: BenchLayout, routingFile: string) {
  const portBase = await freePortBase();
  const child = spawn(process.execPath, ['inference/src/main.ts'], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      ...process.env,
      HEADGATE_ROOT: ROOT,
      HEADGATE_ROUTING_FILE: routingFile,
      HEADGATE_LISTEN__PORT_BASE: String(portBase),
      HEADGATE_INFERENCE__EXECUTION__INSTANCES: String(layout.instances),
      HEADGATE_INFERENCE__EXECUTION__INTRA_OP_THREADS: String(layout.sessionThreads),
      HEADGATE_INFERENCE__EXECUTION__DECODE_THREADS: String(layout.decodeThreads),
    },
  });
  const readyz = `http://127.0.0.1:${portOf(portBase, 'inferenceInternal')}/readyz`;
  const isReady = () => fetchOnce(readyz).then(({ status }) => status === 200, () => false); // biome-ignore format: one line
  await eventually(isReady, { what: 'inference', withinMs: 120_000 });
  return { child, address: `127.0.0.1:${portOf(portBase, 'inferenceGrpc')}` };
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await within(ended, { what: 'the end of inference', withinMs: 30_000 }).catch(() => child.kill('SIGKILL'));
}

function residentBytes(pid: number): number {
  const [, kib = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib) * 1024;
}

/** One layout under each number of callers. */
async function measure(
  layout: BenchLayout,
  { client, routingFile, durationMs }: { client: Worker<LoadJob>; routingFile: string; durationMs: number },
): Promise<Figures[]> {
  const { child, address } = await startInference(layout, routingFile);
  const pids = () => [child.pid as number, ...descendantsOf(child.pid as number).map(({ pid }) => pid)];
  const cpuMs = () => pids().reduce((sum, pid) => sum + cpuMsOf(pid), 0);
  const target = { kind: 'grpc', address, ...MODEL } as const;
  const photosDir = join(ROOT, 'samples/bench');
  const figures: Figures[] = [];
  try {
    for (const concurrency of CONCURRENCIES) {
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
    await stop(child);
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

async function main(): Promise<void> {
  const { layouts, rounds, durationMs } = readOptions();
  const machine = describeMachine();
  console.error(`${machine.cpu}, load average ${machine.loadBefore.toFixed(2)}`);
  const dir = mkdtempSync(join(tmpdir(), 'headgate-layouts-'));
  const routingFile = onlyControl(join(dir, 'routing.yaml'));
  const client = startWorker<LoadJob>('./client.ts');
  const results: Figures[][][] = layouts.map(() => []);
  try {
    for (let round = 1; round <= rounds; round += 1) {
      for (const [i, layout] of layouts.entries()) {
        console.error(`round ${round} of ${rounds}: ${nameOf(layout)}`);
        results[i]?.push(await measure(layout, { client, routingFile, durationMs }));
      }
    }
  } finally {
    client.stop();
    rmSync(dir, { recursive: true });
  }
  console.log(`\n${machine.date} ${machine.commit}, ${machine.cpu}, median of ${rounds} rounds\n`);
  console.log(render(layouts, results));
}

main().catch((error: unknown) => {
  console.error(error instanceof TypeError ? `${error.message}\n${USAGE}` : error);
  process.exit(error instanceof TypeError ? 2 : 1);
});
