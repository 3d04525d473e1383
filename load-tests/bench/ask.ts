import { setTimeout as pause } from 'node:timers/promises';
import { answerJobs, monotonicMs } from './jobs.ts';
import { loadPhotos } from './photos.ts';
import { openSender, type Target } from './send.ts';

/** Asks a server that may just be starting for the class of every photo, one after the other. */
export interface AskJob {
  readonly target: Target;
  readonly photosDir: string;
  /** Longest wait for the first answer, in ms. */
  readonly withinMs: number;
}

export interface Asked {
  /** When the first answer came, on the monotonic clock of the machine, in ms. */
  readonly firstAtMs: number;
  /** The likeliest class of each photo, in the order of their names. */
  readonly classes: readonly number[];
}

const POLL_MS = 10;

async function ask({ target, photosDir, withinMs }: AskJob): Promise<Asked> {
  const photos = loadPhotos(photosDir);
  const sender = openSender(target, photos, 1);
  try {
    const endMs = monotonicMs() + withinMs;
    const classes = [await firstAnswer(() => sender.classify(0), endMs)];
    const firstAtMs = monotonicMs();
    for (let index = 1; index < photos.length; index += 1) classes.push(await sender.classify(index));
    return { firstAtMs, classes };
  } finally {
    sender.close();
  }
}

async function firstAnswer(classify: () => Promise<number>, endMs: number): Promise<number> {
  for (;;) {
    try {
      return await classify();
    } catch (error) {
      if (monotonicMs() > endMs) throw error;
      await pause(POLL_MS);
    }
  }
}

answerJobs<AskJob, Asked>(ask);
