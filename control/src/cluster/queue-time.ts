import { METRIC } from '@headgate/contracts/names';
import { type Figures, FRESH_MS, type Scrape } from './scrape.ts';

/** Sum and count of a histogram, as they grow. */
interface Totals {
  readonly seconds: number;
  readonly items: number;
}

/** An autoscaler asks every 15 s. */
export const WINDOW_MS = 15_000;

const NAMES = { sum: `${METRIC.stageDuration}_sum`, count: `${METRIC.stageDuration}_count` } as const;
export const QUEUE_NAMES: readonly string[] = Object.values(NAMES);

/** What items waited in the queues of the inference pods, from figures that are read each second. */
export class QueueTime {
  readonly #scrape: Scrape;
  readonly #nowMs: () => number;
  /** Oldest first. */
  #rounds: { readonly atMs: number; readonly totals: ReadonlyMap<string, Totals> }[] = [];

  constructor(scrape: Scrape, nowMs: () => number) {
    this.#scrape = scrape;
    this.#nowMs = nowMs;
  }

  /** After each round of the scrape. Rounds with a pod that does not answer are left out. */
  note(): void {
    if (!this.#scrape.isComplete()) return;
    const atMs = this.#nowMs();
    this.#rounds.push({ atMs, totals: totalsOf(this.#scrape.figures()) });
    this.#rounds = this.#rounds.filter((round) => atMs - round.atMs <= WINDOW_MS);
  }

  /**
   * Mean wait of the items that left a queue in the last 15 s, in seconds; 0 where none did.
   *
   * @param model undefined: of all models
   * @returns undefined without fresh figures
   */
  mean(model: string | undefined): number | undefined {
    const [first] = this.#rounds;
    const last = this.#rounds.at(-1);
    if (!first || !last || first === last || this.#nowMs() - last.atMs > FRESH_MS) return undefined;
    let [seconds, items] = [0, 0];
    for (const [series, now] of last.totals) {
      if (model !== undefined && !series.startsWith(`${model}\n`)) continue;
      const before = first.totals.get(series);
      // A process that was restarted began at 0.
      const isSame = before !== undefined && before.items <= now.items;
      seconds += now.seconds - (isSame ? before.seconds : 0);
      items += now.items - (isSame ? before.items : 0);
    }
    return items === 0 ? 0 : seconds / items;
  }
}

/** By model, version and process. */
function totalsOf(figures: Figures): ReadonlyMap<string, Totals> {
  const totals = new Map<string, Totals>();
  for (const [address, samples] of figures) {
    for (const { name, labels, value } of samples) {
      if (labels.stage !== 'queue') continue;
      const series = `${labels.model}\n${labels.version}\n${address}`;
      const { seconds, items } = totals.get(series) ?? { seconds: 0, items: 0 };
      if (name === NAMES.sum) totals.set(series, { seconds: value, items });
      if (name === NAMES.count) totals.set(series, { seconds, items: value });
    }
  }
  return totals;
}
