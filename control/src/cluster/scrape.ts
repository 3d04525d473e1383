import { type Sample, samplesOf } from '@headgate/runtime/exposition';

/** What each process behind a name said last, by its address. */
export type Figures = ReadonlyMap<string, readonly Sample[]>;

export interface ScrapeOptions {
  /** The processes that exist now, as `host:port`. @throws where the name has no address */
  readonly resolve: () => Promise<readonly string[]>;
  readonly fetch: typeof fetch;
  /** Metrics that are read. */
  readonly names: ReadonlySet<string>;
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
}

/** A page takes milliseconds; a process that hangs must not hold up the next round. */
const TIMEOUT_MS = 900;
/** Who asks each second, at another moment than others, shares their round. */
export const SHARED_MS = 900;
/** Figures that are older count for nothing. */
export const FRESH_MS = 5000;

/** Reads the metrics of all processes behind a name, at most once a second, however many ask. */
export function createScrape({ resolve, fetch, names, nowMs }: ScrapeOptions) {
  const last = new Map<string, { readonly atMs: number; readonly samples: readonly Sample[] }>();
  let addresses: readonly string[] | undefined;
  let startedMs = Number.NEGATIVE_INFINITY;
  let isReading = false;
  let reading = Promise.resolve();

  const read = async (address: string) => {
    const answer = await fetch(`http://${address}/metrics`, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    const page = await answer.text();
    if (answer.status === 200) last.set(address, { atMs: nowMs(), samples: samplesOf(page, names) });
  };

  const readAll = async () => {
    addresses = await resolve().catch(() => undefined);
    for (const address of last.keys()) if (!addresses?.includes(address)) last.delete(address);
    await Promise.all((addresses ?? []).map((address) => read(address).catch(() => undefined)));
  };

  return {
    /** Reads all, or joins a round that runs or began just now. */
    round(): Promise<void> {
      if (!isReading && nowMs() - startedMs >= SHARED_MS) {
        startedMs = nowMs();
        isReading = true;
        reading = readAll().finally(() => {
          isReading = false;
        });
      }
      return reading;
    },
    /** The processes that exist, whether they answer or not. */
    addresses: (): readonly string[] => addresses ?? [],
    /** Of those that answered lately. */
    figures(): Figures {
      const fresh = [...last].filter(([, { atMs }]) => nowMs() - atMs < FRESH_MS);
      return new Map(fresh.map(([address, { samples }]) => [address, samples]));
    },
    /** Whether every process that exists answered lately, and there is one. */
    isComplete(): boolean {
      if (addresses === undefined || addresses.length === 0) return false;
      const fresh = this.figures();
      return addresses.every((address) => fresh.has(address));
    },
  };
}

export type Scraper = ReturnType<typeof createScrape>;
export type Scrape = Pick<Scraper, 'figures' | 'isComplete'>;

/** Sum over all processes of the samples that fit; 0 where there is none. */
export function sumOf(figures: Figures, name: string, labels: Readonly<Record<string, string>> = {}): number {
  const wanted = Object.entries(labels);
  let sum = 0;
  for (const samples of figures.values()) {
    for (const sample of samples) {
      if (sample.name === name && wanted.every(([label, value]) => sample.labels[label] === value)) {
        sum += sample.value;
      }
    }
  }
  return sum;
}
