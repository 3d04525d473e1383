import { setTimeout as pause } from 'node:timers/promises';
import { answerJobs, type Measured } from './jobs.ts';
import { loadPhotos } from './photos.ts';
import { openSender, type Target } from './send.ts';

/** The load of one measurement: a closed loop, because its throughput is the question; slowed down where it is not. */
export interface LoadJob {
  readonly target: Target;
  readonly photosDir: string;
  readonly concurrency: number;
  /** Answers before this time, in ms, are not counted: connections open, batches fill. */
  readonly warmMs: number;
  readonly durationMs: number;
  /** Requests per second of all callers together, at most; without it as many as are answered. */
  readonly perSecond?: number;
  /** Of each request, in ms; the sender's own patience by default. */
  readonly deadlineMs?: number;
}

async function load(job: LoadJob): Promise<Measured> {
  const photos = loadPhotos(job.photosDir);
  const { send, close } = openSender(job.target, photos, job.concurrency);
  const options = job.deadlineMs === undefined ? {} : { deadlineMs: job.deadlineMs };
  const paceMs = job.perSecond === undefined ? 0 : (1000 * job.concurrency) / job.perSecond;
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
      const outcome = await send(next++, options);
      const nowMs = performance.now();
      if (outcome === 'ok') answered += 1;
      if (nowMs >= startMs && nowMs <= endMs) {
        if (outcome === 'ok') latencies.push(nowMs - sentMs);
        else failures[outcome] = (failures[outcome] ?? 0) + 1;
      }
      const aheadMs = Math.min(sentMs + paceMs, endMs) - nowMs;
      if (aheadMs > 0) await pause(aheadMs);
    }
  };
  const cpu = process.cpuUsage();
  await Promise.all(Array.from({ length: job.concurrency }, caller));
  const { user, system } = process.cpuUsage(cpu);
  close();
  return { latencies, windowMs: job.durationMs, answered, failures, cpuMs: (user + system) / 1000 };
}

answerJobs<LoadJob>(load);
