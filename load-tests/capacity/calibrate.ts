import { readFileSync } from 'node:fs';
import { HEADER } from '@headgate/contracts/names';
import type { Calibration } from '@headgate/simulator/calibration';
import { median } from '@headgate/testkit/stats';
import { Pool } from 'undici';
import type { BenchPhoto } from '../bench/photos.ts';
import type { Target } from '../bench/send.ts';
import { p50, type Run, type Series } from '../bench/series.ts';

/** Stages of a lone photo, as answers tell them, in ms. */
export interface Stages {
  /** Of each photo. */
  readonly decodeMs: readonly number[];
  readonly runMs: number;
}

interface Timing {
  readonly decode: number;
  readonly run: number;
}

/** Medians of several rounds through all photos, one after the other; one round before them does not count. */
export async function measureStages(
  target: Extract<Target, { kind: 'http' }>,
  photos: readonly BenchPhoto[],
  rounds: number,
): Promise<Stages> {
  const { origin, path, key = '', caFile } = target;
  const pool = new Pool(origin, { connections: 1, connect: caFile ? { ca: readFileSync(caFile) } : {} });
  const headers = { 'content-type': 'image/jpeg', [HEADER.apiKey]: key };
  const ask = async ({ bytes }: BenchPhoto) => {
    const { body } = await pool.request({ method: 'POST', path, headers, body: bytes });
    return ((await body.json()) as { timing_ms: Timing }).timing_ms;
  };
  try {
    const seen: Timing[][] = photos.map(() => []);
    for (let round = 0; round <= rounds; round += 1) {
      for (const [index, photo] of photos.entries()) {
        const timing = await ask(photo);
        if (round > 0) seen[index]?.push(timing);
      }
    }
    return {
      decodeMs: seen.map((timings) => median(timings.map(({ decode }) => decode))),
      runMs: median(seen.flat().map(({ run }) => run)),
    };
  } finally {
    await pool.close();
  }
}

/** What one machine that runs everything takes: from a lone caller and from full batches. */
export function calibrationOf(
  { lone, full }: { readonly lone: Series; readonly full: Series },
  stages: Stages,
  machine: { readonly source: string; readonly cores: number; readonly maxBatchSize: number },
): Calibration {
  const cost = (part: string) => {
    const busy = cpuOf(full, part);
    return { busy_ms: round(busy), wake_ms: round(Math.max(0, cpuOf(lone, part) - busy)) };
  };
  const client = {
    busy_ms: round(clientCpuOf(full)),
    wake_ms: round(Math.max(0, clientCpuOf(lone) - clientCpuOf(full))),
  };
  const [gateway, front, edge] = [cost('gateway'), cost('front'), cost('Envoy')];
  // The rest of the engine's work counts to the decodes, which go on at the same time.
  const decodeMs = cpuOf(lone, 'engine') - stages.runMs;
  const rest = decodeMs - mean(stages.decodeMs);
  const engineFull = cpuOf(full, 'engine');
  const busyRunMs = engineFull - decodeMs;
  const cpuMs = [gateway, front, edge, client].reduce(
    (sum, { busy_ms, wake_ms }) => sum + busy_ms + wake_ms,
    0,
  );
  const loneMs = median(lone.runs.map(p50));
  return {
    source: machine.source,
    run_ms: { 1: round(stages.runMs), [machine.maxBatchSize]: round(machine.maxBatchSize * busyRunMs) },
    decode_ms: stages.decodeMs.map((ms) => round(Math.max(0, ms + rest))),
    gateway,
    front,
    edge,
    client,
    wire_ms: round(Math.max(0, loneMs - cpuMs - decodeMs - stages.runMs)),
    pod: { cores: machine.cores, engines: machine.cores, decode_threads: 1, run_threads: 1, shared: true },
    gateway_cores: 1,
  };
}

/** CPU-ms of a part for each answer, median over the rounds. */
function cpuOf({ runs }: Series, part: string): number {
  return median(runs.map(({ measured, usage }: Run) => (usage.cpuMsOfPart[part] ?? 0) / measured.answered));
}

const clientCpuOf = ({ runs }: Series) =>
  median(runs.map(({ measured }) => measured.cpuMs / measured.answered));

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const round = (ms: number) => Math.round(ms * 1000) / 1000;
