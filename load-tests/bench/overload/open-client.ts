import { setTimeout as pause } from 'node:timers/promises';
import { seeded } from '@headgate/testkit/random';
import { answerJobs } from '../jobs.ts';
import { loadPhotos } from '../photos.ts';
import { openSender, type Sender, type Target } from '../send.ts';
import { kindOf, type OutcomeKind } from './outcome.ts';
import { poissonArrivals } from './schedule.ts';

/** The load of one measurement: arrivals at given times, independent of earlier answers. */
export interface OpenJob {
  readonly target: Target;
  readonly photosDir: string;
  /** Mean arrivals per second. */
  readonly ratePerS: number;
  readonly seed: number;
  /** Deadline of each request after its arrival, in ms; the server is told. */
  readonly deadlineMs: number;
  /** Requests that arrive before this time, in ms, are not counted. */
  readonly warmMs: number;
  readonly durationMs: number;
}

/** Outcomes of the requests that arrived inside the measured window. Times in ms, from the due arrival. */
export interface OpenMeasured {
  readonly windowMs: number;
  readonly offered: number;
  readonly latencies: Readonly<Record<OutcomeKind, readonly number[]>>;
  /** Outcome → count, successes excluded. */
  readonly outcomes: Readonly<Record<string, number>>;
  /** CPU time of the load generator from the first arrival to the last answer, and that time. */
  readonly cpuMs: number;
  readonly elapsedMs: number;
}

/** More than these at a time are not sent and count as failed. */
const MAX_IN_FLIGHT = 2000;
const NOT_SENT = 'not sent';
/** A server may still be busy with what the previous load left behind. */
const DRAIN_WITHIN_MS = 30_000;

async function load(job: OpenJob): Promise<OpenMeasured> {
  const sender = openSender(job.target, loadPhotos(job.photosDir), null);
  try {
    await drained(sender);
    return await sendAll(job, sender);
  } finally {
    sender.close();
  }
}

/** Waits until the server answers quickly again. */
async function drained(sender: Sender): Promise<void> {
  const endMs = performance.now() + DRAIN_WITHIN_MS;
  while (performance.now() < endMs) {
    const sentMs = performance.now();
    if ((await sender.send(0)) === 'ok' && performance.now() - sentMs < 250) return;
    await pause(50);
  }
}

async function sendAll(job: OpenJob, sender: Sender): Promise<OpenMeasured> {
  const arrivals = poissonArrivals(job.ratePerS, job.warmMs + job.durationMs, seeded(job.seed));
  const latencies: Record<OutcomeKind, number[]> = { ok: [], refused: [], expired: [], failed: [] };
  const outcomes: Record<string, number> = {};
  const inFlight = new Set<Promise<void>>();
  const cpu = process.cpuUsage();
  const startMs = performance.now();

  const note = (arrivalMs: number, outcome: string) => {
    if (arrivalMs < job.warmMs) return;
    latencies[kindOf(outcome)].push(performance.now() - startMs - arrivalMs);
    if (outcome !== 'ok') outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  for (const [index, arrivalMs] of arrivals.entries()) {
    const waitMs = arrivalMs - (performance.now() - startMs);
    if (waitMs > 0) await pause(waitMs);
    if (inFlight.size >= MAX_IN_FLIGHT) {
      note(arrivalMs, NOT_SENT);
      continue;
    }
    const sent = sender.send(index, { deadlineMs: job.deadlineMs });
    const one = sent.then((outcome) => note(arrivalMs, outcome)).finally(() => inFlight.delete(one));
    inFlight.add(one);
  }
  await Promise.all(inFlight);

  const { user, system } = process.cpuUsage(cpu);
  return {
    windowMs: job.durationMs,
    offered: arrivals.filter((at) => at >= job.warmMs).length,
    latencies,
    outcomes,
    cpuMs: (user + system) / 1000,
    elapsedMs: performance.now() - startMs,
  };
}

answerJobs<OpenJob, OpenMeasured>(load);
