import { z } from 'zod';

/** Tells the versions of a model that are in the model repository; undefined when nobody knows. */
export type VersionsOf = (model: string) => Promise<readonly string[] | undefined>;

/** Somebody waits for a rollout to start. */
const TIMEOUT_MS = 2000;

const listSchema = z.array(z.object({ model: z.string(), version: z.string() }));

/**
 * The model repository as the inference processes see it. One that cannot reach it lists nothing.
 *
 * @param processes their internal ports, as `host:port`
 */
export function modelRepository(processes: () => Promise<readonly string[]>): VersionsOf {
  const listOf = async (address: string, signal: AbortSignal) => {
    const answer = await fetch(`http://${address}/repository`, { signal });
    return listSchema.parse(await answer.json());
  };
  return async (model) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const addresses = await processes().catch(() => []);
    const lists = addresses.map((address) => listOf(address, signal).catch(() => []));
    const all = (await Promise.all(lists)).flat();
    if (all.length === 0) return undefined;
    return [...new Set(all.filter((one) => one.model === model).map(({ version }) => version))];
  };
}
