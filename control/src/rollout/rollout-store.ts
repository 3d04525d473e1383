import type { Rollout } from '@headgate/contracts/rollout';

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
