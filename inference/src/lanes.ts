import type { DecodeCost } from '@headgate/contracts/image/decode-cost';
import type { Backlog } from './admission/forecast.ts';
import { isHeavy } from './decoding.ts';
import type { Item } from './item.ts';
import type { EnginePort, Lane } from './lane.ts';

/** The engines of one model version that are in service, each with its lane. */
export class Lanes {
  readonly #lanes = new Map<EnginePort, Lane>();
  readonly #fillsFirst: boolean;

  /** @param fillsFirst whether an engine that waits for company is filled before the next one gets anything */
  constructor(fillsFirst: boolean) {
    this.#fillsFirst = fillsFirst;
  }

  get size(): number {
    return this.#lanes.size;
  }

  /** Items that may be handed ahead, to all of them together. */
  get room(): number {
    return this.#sum(({ room }) => room);
  }

  get(engine: EnginePort): Lane | undefined {
    return this.#lanes.get(engine);
  }

  add(engine: EnginePort, lane: Lane): void {
    this.#lanes.set(engine, lane);
  }

  /** @returns the lane, unless the engine was not in service */
  delete(engine: EnginePort): Lane | undefined {
    const lane = this.#lanes.get(engine);
    this.#lanes.delete(engine);
    return lane;
  }

  /** @param queued items in the queue that go before one that comes now, and the work of decoding them */
  backlog(queued: { readonly count: number; readonly work: number }): Backlog {
    let untilIdleMs = Number.POSITIVE_INFINITY;
    for (const lane of this.#lanes.values()) untilIdleMs = Math.min(untilIdleMs, lane.untilIdleMs());
    return {
      engines: this.size,
      ahead: queued.count + this.#sum(({ gathering }) => gathering),
      aheadWork: queued.work,
      decodeThreads: this.#threads,
      untilIdleMs,
    };
  }

  /**
   * Where one more item would run first; undefined when it finds no room anywhere. Heavy items get all decode threads
   * but one, since a decode that has begun cannot be stopped and others come at any time. A single thread has a spare one.
   */
  soonest(cost: DecodeCost): Lane | undefined {
    if (isHeavy(cost) && this.#sum(({ heavy }) => heavy) >= Math.max(1, this.#threads - 1)) return undefined;
    let best: Lane | undefined;
    for (const lane of this.#lanes.values()) {
      if (lane.accepts(cost) && (!best || this.#isSooner(lane, best, cost))) best = lane;
    }
    return best;
  }

  /**
   * Gives idle engines half of the items that wait behind the run of another engine, unless they had them before. They
   * decode these items again, which costs less than an idle engine.
   */
  relieve(): void {
    for (const lane of this.#lanes.values()) if (lane.load === 0) this.#relieveBusiest(lane);
  }

  /** @returns false when no engine gathers the item */
  remove(id: number): boolean {
    for (const lane of this.#lanes.values()) if (lane.remove(id)) return true;
    return false;
  }

  #relieveBusiest(idle: Lane): void {
    let busiest: Lane | undefined;
    let items: readonly Item[] = [];
    for (const lane of this.#lanes.values()) {
      const waiting = lane.behindRun().filter((item) => !idle.hasHad(item));
      if (waiting.length > items.length) [busiest, items] = [lane, waiting];
    }
    const count = Math.min(idle.room, Math.ceil(items.length / 2));
    for (const item of items.slice(items.length - count)) {
      busiest?.remove(item.id);
      idle.take(item);
    }
  }

  get #threads(): number {
    return this.#sum(({ decodeThreads }) => decodeThreads);
  }

  #isSooner(a: Lane, b: Lane, cost: DecodeCost): boolean {
    if (this.#fillsFirst && a.waiting !== b.waiting) return a.waiting > b.waiting;
    const difference = a.soonMs(cost) - b.soonMs(cost);
    return difference < 0 || (difference === 0 && a.load < b.load);
  }

  #sum(count: (lane: Lane) => number): number {
    let sum = 0;
    for (const lane of this.#lanes.values()) sum += count(lane);
    return sum;
  }
}
