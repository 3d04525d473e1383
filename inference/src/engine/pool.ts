import type { EngineProcess } from './process.ts';
import { Slot, type SlotOptions, type SlotState } from './slot.ts';

export interface PoolOptions extends SlotOptions {
  /** Device of each engine to keep; at least one. */
  readonly devices: readonly number[];
  readonly maxBatchSize: number;
}

/** Keeps the engines of one model version running until it is closed. */
export interface EnginePool {
  /** Engines that are up now. */
  engines(): readonly EngineProcess[];
  /** One for each engine to keep, in the order of `devices`. */
  slots(): readonly SlotState[];
  /** Ends all engines and starts no more. Resolves when every process has ended. */
  close(): Promise<void>;
}

/** Starts all engines at once; each is then restarted on its own. */
export function createPool({ devices, maxBatchSize, ...options }: PoolOptions): EnginePool {
  const closing = new AbortController();
  const slots = devices.map((deviceId) => new Slot({ deviceId, maxBatchSize }, options, closing.signal));
  return {
    engines: () => slots.flatMap((slot) => slot.engines()),
    slots: () => slots.map((slot) => slot.state()),
    async close() {
      closing.abort();
      await Promise.all(slots.map(({ done }) => done));
    },
  };
}
