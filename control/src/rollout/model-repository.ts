import { z } from 'zod';

/** Tells the versions of a model that are in the model repository; undefined when nobody knows. */
export type VersionsOf = (model: string) => Promise<readonly string[] | undefined>;
/** Tells why a version is not served as the repository has it; undefined when no process says so. */
export type ProblemOf = (model: string, version: string) => string | undefined;

/** Somebody waits for a rollout to start, or for a page. */
const TIMEOUT_MS = 2000;
/** Each open page asks every few seconds; all of them share an answer of this age. */
const MAX_AGE_MS = 2000;

const listSchema = z.array(z.object({ model: z.string(), version: z.string() }));
const problemsSchema = z.array(z.object({ model: z.string(), version: z.string(), reason: z.string() }));

/**
 * The model repository as the inference processes see it. One that cannot reach it lists nothing, and one that does not
 * answer has no problems.
 *
 * @param processes their internal ports, as `host:port`
 * @param nowMs monotonic time in ms
 */
export function modelRepository(processes: () => Promise<readonly string[]>, nowMs: () => number) {
  const rowsOf = async <T>(path: string, schema: z.ZodType<T[]>): Promise<T[]> => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const addresses = await processes().catch(() => []);
    const ask = async (address: string) => {
      const answer = await fetch(`http://${address}${path}`, { signal });
      if (!answer.ok) return [];
      return schema.parse(await answer.json());
    };
    return (await Promise.all(addresses.map((address) => ask(address).catch(() => [])))).flat();
  };
  const readProblems = async (): Promise<ProblemOf> => {
    const all = await rowsOf('/problems', problemsSchema);
    return (model, version) => all.find((one) => one.model === model && one.version === version)?.reason;
  };
  let problems: Promise<ProblemOf>;
  let problemsAtMs = Number.NEGATIVE_INFINITY;
  return {
    versionsOf: (async (model) => {
      const all = await rowsOf('/repository', listSchema);
      if (all.length === 0) return undefined;
      return [...new Set(all.filter((one) => one.model === model).map(({ version }) => version))];
    }) satisfies VersionsOf,
    problems(): Promise<ProblemOf> {
      if (nowMs() - problemsAtMs >= MAX_AGE_MS) {
        problemsAtMs = nowMs();
        problems = readProblems();
      }
      return problems;
    },
  };
}
