import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import sharp from 'sharp';
import { answerJobs, type Measured } from './jobs.ts';

/**
 * L0: what this machine gives without a server. One process, one 2-thread session, sharp in front of it, batch 1,
 * a few loops in parallel so that decoding overlaps the session: the strongest bare loop that a few lines give.
 */
export interface BareJob {
  readonly model: string;
  readonly photosDir: string;
  readonly durationMs: number;
  /** Loops in parallel. */
  readonly concurrency: number;
}

const SIDE = 224;
/** EfficientNet's centre crop, as the manifest of the model says. */
const CROP = 0.875;

interface Picture {
  readonly bytes: Buffer;
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** Dimensions are read here, once, and not in the loop: the baseline gets every advantage. */
async function loadPictures(dir: string): Promise<Picture[]> {
  const files = readdirSync(dir).filter((name) => name.endsWith('.jpg'));
  return Promise.all(
    files.sort().map(async (name) => {
      const bytes = readFileSync(join(dir, name));
      const { width, height } = await sharp(bytes).metadata();
      const side = Math.floor(Math.min(width, height) * CROP);
      return { bytes, side, left: Math.floor((width - side) / 2), top: Math.floor((height - side) / 2) };
    }),
  );
}

async function classify(session: InferenceSession, { bytes, left, top, side }: Picture): Promise<number> {
  const pixels = await sharp(bytes)
    .extract({ left, top, width: side, height: side })
    .resize(SIDE, SIDE, { kernel: 'cubic', fit: 'fill' })
    .removeAlpha()
    .raw()
    .toBuffer();
  const input = session.inputNames[0] as string;
  const output = session.outputNames[0] as string;
  const result = await session.run({ [input]: new Tensor('uint8', pixels, [1, SIDE, SIDE, 3]) });
  const logits = result[output]?.data as Float32Array;
  return logits.indexOf(Math.max(...logits));
}

async function bareLoop(job: BareJob): Promise<Measured> {
  const pictures = await loadPictures(job.photosDir);
  const session = await InferenceSession.create(job.model, { intraOpNumThreads: 2, interOpNumThreads: 1 });
  for (const picture of pictures) await classify(session, picture);
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  let next = 0;
  const loop = async () => {
    while (performance.now() - startMs < job.durationMs) {
      const picture = pictures[next % pictures.length] as Picture;
      next += 1;
      const oneMs = performance.now();
      await classify(session, picture);
      latencies.push(performance.now() - oneMs);
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, loop));
  const windowMs = performance.now() - startMs;
  const { user, system } = process.cpuUsage(cpu);
  await session.release();
  return { latencies, windowMs, answered: latencies.length, failures: {}, cpuMs: (user + system) / 1000 };
}

answerJobs<BareJob>(bareLoop);
