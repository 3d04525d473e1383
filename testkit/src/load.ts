import { setTimeout as pause } from 'node:timers/promises';

/** One finished request. Times are of the monotonic clock, in ms. */
export interface Sample<T> {
  readonly startMs: number;
  readonly endMs: number;
  readonly result: T;
}

export interface RunningLoad<T> {
  /** Finished requests, in the order of their ends. */
  readonly samples: readonly Sample<T>[];
  /** Stops the callers and waits for the requests in flight. */
  stop(): Promise<readonly Sample<T>[]>;
}

/**
 * Closed model: each of `concurrency` callers sends its next request after an answer. Runs until `stop`, or until
 * `count` requests have started.
 */
export function closedLoad<T>(
  concurrency: number,
  request: (index: number) => Promise<T>,
  count = Number.POSITIVE_INFINITY,
): RunningLoad<T> {
  const samples: Sample<T>[] = [];
  let next = 0;
  let stopped = false;
  const caller = async () => {
    while (!stopped && next < count) {
      const index = next;
      next += 1;
      samples.push(await timed(() => request(index)));
    }
  };
  const callers = Promise.all(Array.from({ length: concurrency }, caller));
  callers.catch(() => {});
  return {
    samples,
    stop: async () => {
      stopped = true;
      await callers;
      return samples;
    },
  };
}

/** Sends `count` requests by `concurrency` callers. @returns all results, in the order of their index */
export async function sendAll<T>(
  concurrency: number,
  count: number,
  request: (index: number) => Promise<T>,
): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  const caller = async () => {
    while (next < count) {
      const index = next;
      next += 1;
      results[index] = await request(index);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, caller));
  return results;
}

/** Open model: sends a request every `intervalMs`, independent of answers, so that it shows all latency. */
export function openLoad<T>(intervalMs: number, request: (index: number) => Promise<T>): RunningLoad<T> {
  const samples: Sample<T>[] = [];
  const inFlight = new Set<Promise<void>>();
  const ended = new AbortController();
  const generator = async () => {
    const origin = performance.now();
    for (let index = 0; !ended.signal.aborted; index += 1) {
      const one = timed(() => request(index)).then((sample) => void samples.push(sample));
      inFlight.add(one);
      one.then(
        () => inFlight.delete(one),
        () => {},
      );
      const due = origin + (index + 1) * intervalMs;
      await pause(Math.max(0, due - performance.now()), undefined, { signal: ended.signal }).catch(() => {});
    }
  };
  const running = generator();
  return {
    samples,
    stop: async () => {
      ended.abort();
      await running;
      await Promise.all(inFlight);
      return samples;
    },
  };
}

async function timed<T>(request: () => Promise<T>): Promise<Sample<T>> {
  const startMs = performance.now();
  const result = await request();
  return { startMs, endMs: performance.now(), result };
}
