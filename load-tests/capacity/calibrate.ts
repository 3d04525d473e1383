import { readFileSync } from 'node:fs';
import type { Calibration } from '@headgate/simulator/calibration';
import { median } from '@headgate/testkit/stats';
import { Pool } from 'undici';
import type { BenchPhoto } from '../bench/photos.ts';
import type { Target } from '../bench/send.ts';
import { p50, type Run, type Series } from '../bench/series.ts';

/** Stages of a lone photo, as answers tell them, in ms. */
export interface Stages {
  readonly decodeMs: number;
  readonly runMs: number;
}

/** Medians over the photos, sent one after the other. */
export async function measureStages(
  target: Extract<Target, { kind: 'http' }>,
  photos: readonly BenchPhoto[],
  rounds: number,
): Promise<Stages> {
  const { origin, path, key = '', caFile } = target;
  const pool = new Pool(origin, { connections: 1, connect: caFile ? { ca: readFileSync(caFile) } : {} });
  const seen: Stages[] = [];
  try {
    for (let index = 0; index < rounds * photos.length; index += 1) {
      const { bytes } = photos[index % photos.length] as BenchPhoto;
      const headers = { 'content-type': 'image/jpeg', 'x-api-key': key };
      const { body } = await pool.request({ method: 'POST', path, headers, body: bytes });
      const { timing_ms } = (await body.json()) as { timing_ms: { decode: number; run: number } };
      if (index >= photos.length) seen.push({ decodeMs: timing_ms.decode, runMs: timing_ms.run });
    }
  } finally {
    await pool.close();
  }
  const mean = (of: (stages: Stages) => number) => seen.reduce((sum, one) => sum + of(one), 0) / seen.length;
  return { decodeMs: mean(({ decodeMs }) => decodeMs), runMs: mean(({ runMs }) => runMs) };
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
  const engineLone = cpuOf(lone, 'engine');
  // What the engine does besides a run counts to the decode, which goes on at the same time.
  const decodeMs = engineLone - stages.runMs;
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
    decode_ms: round(decodeMs),
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

const round = (ms: number) => Math.round(ms * 1000) / 1000;
