import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker as Thread } from 'node:worker_threads';
import { manifestSchema } from '@headgate/contracts/manifest';
import { parse } from 'yaml';
import { createDecoder } from '../../inference/src/engine/child/image/decode.ts';
import { answerJobs, type Measured, monotonicMs } from './jobs.ts';
import type { SessionJob } from './l1-session.ts';
import { loadPhotos } from './photos.ts';

/** One process of the bare loop: decode photos, join them, run, as fast as it goes. */
export interface LoopJob {
  /** Folder of the model version. */
  readonly directory: string;
  readonly photosDir: string;
  /** Photos per run. */
  readonly batch: number;
  /** Decodes only after the run before has ended, as for a lone caller. */
  readonly alone: boolean;
  /** Begins at this time of the machine's monotonic clock, in ms, so that all processes measure the same window. */
  readonly beginAtMs: number;
  readonly warmMs: number;
  readonly durationMs: number;
}

async function bareLoop(job: LoopJob): Promise<Measured> {
  const { image } = manifestSchema.parse(parse(readFileSync(`${job.directory}/manifest.yaml`, 'utf8')));
  if (!image) throw new Error('the model takes no images');
  const decode = createDecoder({ preprocessing: image.preprocessing, maxPixels: 1e8, maxSide: 1e5 });
  const photos = loadPhotos(job.photosDir).map(({ bytes }) => bytes);
  const session = await openSessionThread(`${job.directory}/model.onnx`);
  let next = 0;
  const decodeBatch = () =>
    Promise.all(
      Array.from({ length: job.batch }, async () => {
        const { pixels } = await decode(photos[next++ % photos.length] as Uint8Array);
        return pixels;
      }),
    );

  await pause(Math.max(0, job.beginAtMs - monotonicMs()));
  const latencies: number[] = [];
  let answered = 0;
  const startMs = performance.now() + job.warmMs;
  const endMs = startMs + job.durationMs;
  const cpu = process.cpuUsage();
  let decoding = decodeBatch();
  for (;;) {
    const beganMs = performance.now();
    if (beganMs >= endMs) break;
    const pixels = await decoding;
    if (!job.alone) decoding = decodeBatch();
    await session.run(pixels);
    answered += pixels.length;
    const endedMs = performance.now();
    if (endedMs >= startMs && endedMs <= endMs) latencies.push(...pixels.map(() => endedMs - beganMs));
    if (job.alone) decoding = decodeBatch();
  }
  const { user, system } = process.cpuUsage(cpu);
  await decoding;
  await session.close();
  return { latencies, windowMs: job.durationMs, answered, failures: {}, cpuMs: (user + system) / 1000 };
}

/** The session on a thread of its own: on the main one, a run would keep decoded photos waiting. */
async function openSessionThread(model: string) {
  const thread = new Thread(new URL('./l1-session.ts', import.meta.url), { workerData: { model } });
  const answer = async () => ((await once(thread, 'message')) as [number])[0];
  await answer();
  return {
    run: (pixels: Uint8Array[]) => {
      const answered = answer();
      thread.postMessage({ pixels } satisfies SessionJob);
      return answered;
    },
    close: () => thread.terminate(),
  };
}

answerJobs<LoopJob>(bareLoop);
