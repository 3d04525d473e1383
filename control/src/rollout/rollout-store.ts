import { type Rollout, rolloutSchema } from '@headgate/contracts/rollout';

/** A rollout, and the version of it that a change was made from. */
export interface StoredRollout {
  readonly rollout: Rollout;
  readonly version: string;
}

/** Rollouts that are under way or over (decision 0098). */
export interface RolloutStore {
  /** @throws AdminError store_unavailable */
  list(): Promise<readonly StoredRollout[]>;
  /**
   * @param version that was read; undefined for a new rollout
   * @throws AdminError conflict when another process has changed it meanwhile, or store_unavailable
   */
  save(rollout: Rollout, version: string | undefined): Promise<StoredRollout>;
}

/** Those that are over go first, oldest first. */
export const MAX_ROLLOUTS = 50;

/** Parses the documents of a store: each text once, so that a broken one is reported once. */
export function documentReader(reportBroken: (name: string, error: unknown) => void) {
  type Parsed = { readonly text: string; readonly rollout: Rollout | undefined };
  let known = new Map<string, Parsed>();
  const parsed = (name: string, text: string): Parsed => {
    try {
      return { text, rollout: rolloutSchema.parse(JSON.parse(text)) };
    } catch (error) {
      reportBroken(name, error);
      return { text, rollout: undefined };
    }
  };
  return (texts: Readonly<Record<string, string>>): StoredRollout[] => {
    const now = Object.entries(texts).map(([name, text]): [string, Parsed] => {
      const before = known.get(name);
      return [name, before?.text === text ? before : parsed(name, text)];
    });
    known = new Map(now);
    return now.flatMap(([, { text, rollout }]) => (rollout ? [{ rollout, version: text }] : []));
  };
}
