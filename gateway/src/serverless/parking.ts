import type { ServerlessConfig } from '@headgate/contracts/config/serverless';
import { HeadgateError } from '@headgate/contracts/errors';
import type { Deadline } from '../deadline.ts';
import type { ModelName, Readiness } from '../upstream/inference.ts';

/** How a parked request went on: `served` means that its version became ready. */
export type ParkingOutcome = 'served' | 'expired' | 'cancelled' | 'refused';

/** Receives reports of parked requests. */
export interface ParkingReport {
  left(model: string, outcome: ParkingOutcome, waitedMs: number): void;
}

export interface ParkingOptions {
  readonly models: ServerlessConfig;
  readonly readiness: Readiness;
  /** Looks for pods soon; called as long as a request waits for one. */
  readonly hurry: () => void;
  readonly report: ParkingReport;
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
}

/** When a pool that starts is likely to have room again, in ms. */
const RETRY_AFTER_MS = 5000;
/**
 * Requests that are let out at once, until one of them is answered: the first pod takes what several gateways send it, and
 * its queue (64 by default) never overflows.
 */
const AT_ONCE = 8;

interface Parked extends ModelName {
  readonly sinceMs: number;
  readonly release: () => void;
  readonly resolve: (leave: () => void) => void;
}

interface Lot {
  readonly waiting: Set<Parked>;
  /** Released, and not answered yet. */
  out: number;
}

const nothing = () => undefined;

/**
 * Lets requests wait whose model has no pod, before their bodies are read: a waiting request holds a connection and
 * nothing else. It ends with its deadline, whether or not anything scales the pods.
 */
export class Parking {
  readonly #options: ParkingOptions;
  readonly #lots: ReadonlyMap<string, Lot>;

  constructor(options: ParkingOptions) {
    this.#options = options;
    const lots = Object.keys(options.models).map(
      (model) => [model, { waiting: new Set<Parked>(), out: 0 }] as const,
    );
    this.#lots = new Map(lots);
  }

  /** Whether requests for this model wait while it has no pod. */
  has(model: string): boolean {
    return this.#lots.has(model);
  }

  /** Requests that wait, by model. */
  waiting(): readonly (readonly [string, number])[] {
    return [...this.#lots].map(([model, { waiting }]) => [model, waiting.size]);
  }

  /**
   * Settles once the version may get traffic: at once for models that always have pods.
   *
   * @returns must be called when the request is answered
   * @throws HeadgateError when too many wait, or the request is over
   */
  async enter(name: ModelName, deadline: Deadline): Promise<() => void> {
    const lot = this.#lots.get(name.model);
    if (!lot) return nothing;
    const { readiness, models, report, hurry, nowMs } = this.#options;
    if (readiness.isReady(name.model, name.version)) return nothing;
    if (lot.waiting.size >= (models[name.model]?.parked ?? 0)) {
      report.left(name.model, 'refused', 0);
      const detail = 'The model is starting, and too many requests wait for it already. Please try again.';
      throw new HeadgateError('overloaded', detail, { retryAfterMs: RETRY_AFTER_MS });
    }
    deadline.throwIfOver();
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const sinceMs = nowMs();
    const release = deadline.onOver((why) => {
      lot.waiting.delete(parked);
      const outcome = why.reason === 'cancelled' ? 'cancelled' : 'expired';
      report.left(name.model, outcome, nowMs() - sinceMs);
      reject(why);
    });
    const parked: Parked = { ...name, sinceMs, release, resolve };
    lot.waiting.add(parked);
    hurry();
    this.#letOut(lot);
    return promise;
  }

  /** Releases the requests whose version may get traffic now; called after each check of the pods. */
  look(): void {
    for (const lot of this.#lots.values()) {
      if (lot.waiting.size === 0) continue;
      this.#letOut(lot);
      if (lot.waiting.size > 0) this.#options.hurry();
    }
  }

  #letOut(lot: Lot): void {
    const { readiness, report, nowMs } = this.#options;
    for (const parked of lot.waiting) {
      if (lot.out >= AT_ONCE) return;
      if (!readiness.isReady(parked.model, parked.version)) continue;
      lot.waiting.delete(parked);
      lot.out += 1;
      parked.release();
      report.left(parked.model, 'served', nowMs() - parked.sinceMs);
      parked.resolve(() => {
        lot.out -= 1;
        this.#letOut(lot);
      });
    }
  }
}
