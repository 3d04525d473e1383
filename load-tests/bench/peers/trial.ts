import { setTimeout as pause } from 'node:timers/promises';
import type { Asked, AskJob } from '../ask.ts';
import { startWorker } from '../jobs.ts';
import { loadPhotos, PHOTOS_DIR } from '../photos.ts';
import type { Contender, Door, RunningServer } from './contender.ts';

/** A running server that has given the right answer for every photo on every door. */
export interface Trial {
  readonly server: RunningServer;
  /** From its spawn to the first right answer, of each door, in ms. */
  readonly startMs: readonly number[];
}

/** What all contenders must answer: the first one that was asked sets it. */
export interface Expectation {
  /** Folder of the photos; the benchmark's own by default. */
  readonly photosDir?: string;
  classes: readonly number[] | undefined;
}

const LOOK_EVERY_MS = 100;

/**
 * Starts a server, waits for its first answer and compares its classes with those of the other servers.
 *
 * @throws Error when it does not come up, or its classes differ; it is stopped before
 */
export async function startTrial(
  contender: Contender,
  expected: Expectation,
  env?: Readonly<Record<string, string>>,
): Promise<Trial> {
  const server = await contender.start(env);
  try {
    const startMs: number[] = [];
    for (const door of server.doors) {
      const { photosDir = PHOTOS_DIR } = expected;
      const asked = await askAll(server, {
        target: door.target,
        photosDir,
        withinMs: contender.startWithinMs,
      });
      const difference = firstDifference(expected, asked.classes);
      if (difference) throw new Error(`${door.name}: ${difference}`);
      startMs.push(asked.firstAtMs - server.spawnedMs);
    }
    return { server, startMs };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function askAll(server: RunningServer, job: AskJob): Promise<Asked> {
  const worker = startWorker<AskJob, Asked>('./ask.ts', { wrapper: server.clientWrapper });
  const over = new AbortController();
  try {
    return await Promise.race([worker.run(job), endOf(server, over.signal)]);
  } finally {
    over.abort();
    worker.stop();
  }
}

/** Rejects when the server ends. */
async function endOf(server: RunningServer, over: AbortSignal): Promise<never> {
  for (;;) {
    const failure = server.ended();
    if (failure !== undefined) throw new Error(failure);
    await pause(LOOK_EVERY_MS);
    if (over.aborted) return await new Promise<never>(() => {});
  }
}

function firstDifference(expected: Expectation, classes: readonly number[]): string | undefined {
  expected.classes ??= classes;
  const at = expected.classes.findIndex((one, index) => one !== classes[index]);
  if (at < 0) return undefined;
  const { name } = loadPhotos(expected.photosDir ?? PHOTOS_DIR)[at] as { name: string };
  return `class ${classes[at]} for ${name} where the others say ${expected.classes[at]}`;
}

export interface ServerSpec {
  readonly contender: Contender;
  /** Added to its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts servers that stay up together while their loads take turns, checks that all answer the same classes, and
 * always ends them.
 */
export async function withServers<T>(
  servers: readonly ServerSpec[],
  expected: Expectation,
  work: (door: (name: string) => Door, trials: readonly Trial[]) => Promise<T>,
): Promise<T> {
  const trials: Trial[] = [];
  const find = (name: string) => {
    const door = trials.flatMap(({ server }) => server.doors).find((one) => one.name === name);
    if (!door) throw new Error(`no door is called ${name}`);
    return door;
  };
  try {
    for (const { contender, env } of servers) trials.push(await startTrial(contender, expected, env));
    return await work(find, trials);
  } finally {
    await Promise.all(trials.map(({ server }) => server.stop()));
  }
}
