import type { PodView } from '@headgate/contracts/admin/api';
import { METRIC } from '@headgate/contracts/names';
import type { Scrape } from '../../cluster/scrape.ts';

/** Each page costs the pod that serves it time: only while somebody looks, and not each second. */
const MAX_AGE_MS = 2000;

export interface PodsOptions {
  readonly scrape: Scrape & { round(): Promise<void>; addresses(): readonly string[] };
  /** Monotonic time in ms. */
  readonly nowMs: () => number;
}

/** What each inference pod says about the versions that it serves. */
export class Pods {
  readonly #scrape: PodsOptions['scrape'];
  readonly #nowMs: () => number;
  #readAtMs = Number.NEGATIVE_INFINITY;

  constructor({ scrape, nowMs }: PodsOptions) {
    this.#scrape = scrape;
    this.#nowMs = nowMs;
  }

  /** Reads them again unless that was just done. */
  async refresh(): Promise<void> {
    if (this.#nowMs() - this.#readAtMs < MAX_AGE_MS) return;
    this.#readAtMs = this.#nowMs();
    await this.#scrape.round();
  }

  /** Pods that serve a version of the model, and those that do not answer. */
  ofVersion(model: string, version: string): readonly PodView[] {
    const figures = this.#scrape.figures();
    return this.#scrape.addresses().flatMap((address) => {
      const samples = figures.get(address);
      const ofModel = samples?.filter(
        ({ name, labels }) => name === METRIC.versionReady && labels.model === model,
      );
      if (ofModel?.length === 0) return [];
      const ready = ofModel?.some(({ labels, value }) => labels.version === version && value === 1) ?? false;
      return [{ address, ready }];
    });
  }
}
