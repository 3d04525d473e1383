import type { Contender, Door } from '../peers/contender.ts';
import { type Expectation, startTrial, type Trial } from '../peers/trial.ts';

/** A server in its last layout, the one with an instance per core. */
export interface Server {
  readonly contender: Contender;
  /** Added to the environment of its layout. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts servers that stay up together while their loads take turns, checks that all answer the same classes, and
 * ends them, whatever happens.
 */
export async function withServers<T>(
  servers: readonly Server[],
  { photosDir }: Pick<Expectation, 'photosDir'>,
  work: (door: (name: string) => Door, trials: readonly Trial[]) => Promise<T>,
): Promise<T> {
  const expected: Expectation = { ...(photosDir && { photosDir }), classes: undefined };
  const trials: Trial[] = [];
  try {
    for (const { contender, env } of servers) {
      const layout = contender.layouts.at(-1);
      if (!layout) throw new Error(`${contender.id} has no layout`);
      trials.push(await startTrial(contender, { ...layout, env: { ...layout.env, ...env } }, expected));
    }
    const doors = trials.flatMap(({ server }) => server.doors);
    const find = (name: string) => {
      const door = doors.find((one) => one.name === name);
      if (!door) throw new Error(`no door is called ${name}`);
      return door;
    };
    return await work(find, trials);
  } finally {
    await Promise.all(trials.map(({ server }) => server.stop()));
  }
}
