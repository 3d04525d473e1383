import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePortBase } from '@headgate/testkit/ports';
import { cpuMsOf } from '@headgate/testkit/processes';
import { median, percentile } from '@headgate/testkit/stats';
import type { LoadJob } from './client.ts';
import { gatewayOrigin, spawnGateway, spawnNullUpstream } from './gateway-process.ts';
import { type GatewayStart, timeGatewayStarts } from './gateway-start.ts';
import { type Measured, startWorker } from './jobs.ts';
import { jpegOfAbout } from './photos.ts';

/** What the built gateway, all layers on, costs over an upstream that answers after 40 ms by timer. Times in ms. */
export interface GatewayResult extends GatewayStart {
  readonly direct: { readonly p50: number; readonly p99: number };
  readonly through: { readonly p50: number; readonly p99: number };
  /** Median over the rounds of the difference to the direct calls of the same round. */
  readonly addedP50: number;
  readonly addedP99: number;
  readonly saturationPerS: number;
  /** CPU-ms of the gateway per request, at saturation. */
  readonly saturationCpuMs: number;
  readonly failures: readonly Measured['failures'][];
}

export interface GatewayOptions {
  readonly rounds: number;
  readonly stageMs: number;
  readonly model: string;
  readonly routingFile: string;
  /** Of the tier bench. */
  readonly key: string;
  readonly progress: (line: string) => void;
}

const UPSTREAM_DELAY_MS = 40;
const CONCURRENCY = 16;
/** With 40 ms of waiting each, enough to keep the gateway's one core busy. */
const SATURATION_CONCURRENCY = 128;
const BODY_BYTES = 30_000;
const WARM_MS = 1000;

export async function measureGateway(options: GatewayOptions): Promise<GatewayResult> {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-'));
  const upstream = await spawnNullUpstream(UPSTREAM_DELAY_MS);
  const { routingFile } = options;
  const portBase = await freePortBase();
  const gatewayProcess = {
    portBase,
    routingFile,
    upstreamPort: upstream.port,
    logFile: join(dir, 'gateway.log'),
  };
  const photo = await jpegOfAbout(BODY_BYTES);
  writeFileSync(join(dir, 'photo.jpg'), photo);
  try {
    const starts = await timeGatewayStarts(gatewayProcess, { photo, key: options.key }, options.progress);
    const gateway = spawnGateway(gatewayProcess);
    try {
      return {
        ...starts,
        ...(await measureCalls(options, { dir, portBase, upstreamPort: upstream.port, pid: gateway.pid })),
      };
    } finally {
      await gateway.stop();
    }
  } finally {
    await upstream.stop();
    rmSync(dir, { recursive: true });
  }
}

interface Setting {
  /** Folder with the one photo. */
  readonly dir: string;
  readonly portBase: number;
  readonly upstreamPort: number;
  /** Of the gateway. */
  readonly pid: number;
}

interface Round {
  readonly direct: Measured;
  readonly through: Measured;
}

async function measureCalls(
  options: GatewayOptions,
  setting: Setting,
): Promise<Omit<GatewayResult, keyof GatewayStart>> {
  const client = startWorker<LoadJob>('./client.ts');
  const { direct, through } = jobsOf(options, setting);
  try {
    const rounds: Round[] = [];
    for (let number = 1; number <= options.rounds; number += 1) {
      const round = { direct: await client.run(direct), through: await client.run(through) };
      rounds.push(round);
      const [p50, p99] = [added(round, 50), added(round, 99)].map((ms) => ms.toFixed(2));
      options.progress(`round ${number}/${options.rounds}  gateway adds ${p50} ms p50, ${p99} ms p99`);
    }
    const cpuBeforeMs = cpuMsOf(setting.pid);
    const saturated = await client.run({ ...through, concurrency: SATURATION_CONCURRENCY });
    const saturationCpuMs = (cpuMsOf(setting.pid) - cpuBeforeMs) / saturated.answered;
    const all = [...rounds.flatMap((round) => [round.direct, round.through]), saturated];
    return {
      direct: ends(rounds.flatMap((round) => round.direct.latencies)),
      through: ends(rounds.flatMap((round) => round.through.latencies)),
      addedP50: median(rounds.map((round) => added(round, 50))),
      addedP99: median(rounds.map((round) => added(round, 99))),
      saturationPerS: (saturated.latencies.length * 1000) / saturated.windowMs,
      saturationCpuMs,
      failures: all.map(({ failures }) => failures),
    };
  } finally {
    client.stop();
  }
}

/** The same load on the upstream itself and on the gateway in front of it. */
function jobsOf(
  { stageMs, model, key }: GatewayOptions,
  { dir, portBase, upstreamPort }: Setting,
): Readonly<Record<keyof Round, LoadJob>> {
  const job = { photosDir: dir, warmMs: WARM_MS, durationMs: stageMs, concurrency: CONCURRENCY };
  const address = `127.0.0.1:${upstreamPort}`;
  const origin = gatewayOrigin(portBase);
  return {
    direct: { ...job, target: { kind: 'grpc', address, model, version: '1' } },
    through: { ...job, target: { kind: 'http', origin, path: '/predict', key, caFile: null } },
  };
}

function added({ direct, through }: Round, p: number): number {
  return percentile(through.latencies, p) - percentile(direct.latencies, p);
}

function ends(latencies: readonly number[]): { p50: number; p99: number } {
  return { p50: percentile(latencies, 50), p99: percentile(latencies, 99) };
}
