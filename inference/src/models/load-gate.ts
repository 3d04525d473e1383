export interface GateOptions {
  /** Stops waiting for a load slot. */
  readonly signal: AbortSignal;
  /** Goes before all that are not: an engine that takes the place of one that crashed. */
  readonly urgent: boolean;
}

interface Waiting {
  readonly urgent: boolean;
  readonly enter: () => void;
}

/**
 * Lets a few loads in at a time, in the order in which they came: a load takes about a core from the engines that
 * serve, and twenty of them at once would take all.
 */
export class LoadGate {
  readonly #parallel: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;

  /** @param parallel loads at the same time, at least 1 */
  constructor(parallel: number) {
    this.#parallel = parallel;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Runs `load` when it is its turn. @throws the signal's reason when it is aborted first; what `load` throws */
  async run<T>(load: () => Promise<T>, options: GateOptions): Promise<T> {
    options.signal.throwIfAborted();
    if (this.#running < this.#parallel) this.#running += 1;
    else await this.#turn(options);
    try {
      return await load();
    } finally {
      this.#leave();
    }
  }

  /** Resolves with a place that another load left. */
  #turn({ signal, urgent }: GateOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
        reject(signal.reason);
      };
      const waiting = {
        urgent,
        enter: () => {
          signal.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      signal.addEventListener('abort', giveUp, { once: true });
      const place = urgent ? this.#waiting.findIndex((other) => !other.urgent) : -1;
      this.#waiting.splice(place < 0 ? this.#waiting.length : place, 0, waiting);
    });
  }

  /** The slot goes to the next waiting load directly. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next.enter();
    else this.#running -= 1;
  }
}
