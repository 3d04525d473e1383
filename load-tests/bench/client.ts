import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { HEADER } from '@headgate/contracts/names';
import { Pool } from 'undici';
import { type GrpcClient, grpcClient } from '../../test/e2e/harness/grpc.ts';
import { answerJobs, type Measured } from './jobs.ts';

/** The load of one measurement: a closed loop, because its throughput is the question. */
export interface LoadJob {
  /** gRPC speaks to inference directly; http and https post raw photos. */
  readonly target:
    | { readonly kind: 'grpc'; readonly address: string; readonly model: string; readonly version: string }
    | {
        readonly kind: 'http';
        readonly origin: string;
        readonly path: string;
        readonly key: string;
        readonly caFile: string | null;
      };
  readonly photosDir: string;
  readonly concurrency: number;
  /** Answers before this time, in ms, are not counted: connections open, batches fill. */
  readonly warmMs: number;
  readonly durationMs: number;
}

/** Sends one photo; answers 'ok', or what came instead. */
type Send = (photo: Buffer) => Promise<string>;

function sender(target: LoadJob['target'], connections: number): { send: Send; close: () => void } {
  if (target.kind === 'grpc') {
    const client: GrpcClient = grpcClient(target.address);
    const send: Send = (image) =>
      client.infer({ model: target.model, version: target.version, image }).then(
        () => 'ok',
        (error: { code?: number }) => `grpc ${error.code}`,
      );
    return { send, close: client.close };
  }
  const pool = new Pool(target.origin, {
    connections,
    allowH2: false,
    connect: target.caFile ? { ca: readFileSync(target.caFile) } : {},
  });
  const headers = { 'content-type': 'image/jpeg', [HEADER.apiKey]: target.key };
  const send: Send = async (body) => {
    const answer = await pool.request({ method: 'POST', path: target.path, headers, body });
    await answer.body.dump();
    return answer.statusCode === 200 ? 'ok' : String(answer.statusCode);
  };
  return { send, close: () => void pool.destroy() };
}

async function load(job: LoadJob): Promise<Measured> {
  const files = readdirSync(job.photosDir).filter((name) => name.endsWith('.jpg'));
  const photos = files.sort().map((name) => readFileSync(join(job.photosDir, name)));
  const { send, close } = sender(job.target, job.concurrency);
  const latencies: number[] = [];
  const failures: Record<string, number> = {};
  const startMs = performance.now() + job.warmMs;
  const endMs = startMs + job.durationMs;
  let next = 0;
  let answered = 0;
  const caller = async () => {
    for (;;) {
      const sentMs = performance.now();
      if (sentMs >= endMs) return;
      const outcome = await send(photos[next++ % photos.length] as Buffer);
      const nowMs = performance.now();
      if (outcome === 'ok') answered += 1;
      if (nowMs < startMs || nowMs > endMs) continue;
      if (outcome === 'ok') latencies.push(nowMs - sentMs);
      else failures[outcome] = (failures[outcome] ?? 0) + 1;
    }
  };
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: job.concurrency }, caller));
  const { user, system } = process.cpuUsage(cpu);
  close();
  return { latencies, windowMs: job.durationMs, answered, failures, cpuMs: (user + system) / 1000 };
}

answerJobs<LoadJob>(load);
