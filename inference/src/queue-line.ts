import type { Item } from './item.ts';

/** A caller in the queue. */
export interface Share {
  /** What it has had, or would have had if it had been here all the time. */
  turn: number;
  /** Of its items that wait. */
  count: number;
  cost: number;
}

/** An item that waits. */
export interface Waiting {
  readonly item: Item;
  readonly share: Share;
  readonly cost: number;
  line?: Line | undefined;
  before?: Waiting | undefined;
  after?: Waiting | undefined;
}

/** Items in the order of their arrival. A linked list: leaving costs the same anywhere. */
export class Line {
  readonly share: Share;
  readonly #onEmpty: () => void;
  first: Waiting | undefined;
  last: Waiting | undefined;
  count = 0;
  /** Of decoding them all. */
  work = 0;

  /** @param share whose items these are */
  constructor(share: Share, onEmpty: () => void) {
    this.share = share;
    this.#onEmpty = onEmpty;
  }

  add(waiting: Waiting): void {
    waiting.line = this;
    waiting.before = this.last;
    waiting.after = undefined;
    if (this.last) this.last.after = waiting;
    else this.first = waiting;
    this.last = waiting;
    this.count += 1;
    this.work += waiting.item.cost.work;
  }

  delete(waiting: Waiting): void {
    const { before, after, item } = waiting;
    if (before) before.after = after;
    else this.first = after;
    if (after) after.before = before;
    else this.last = before;
    this.count -= 1;
    this.work -= item.cost.work;
    if (this.count === 0) this.#onEmpty();
  }
}
