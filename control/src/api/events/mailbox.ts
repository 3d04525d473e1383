/** Frames that one reader of events has not taken yet: of each key the newest alone, so that a slow reader costs nothing. */
export class Mailbox {
  readonly #frames = new Map<string, string>();
  #wake: (() => void) | undefined;
  #isClosed = false;

  /** Replaces an older frame of the same key. */
  put(key: string, frame: string): void {
    this.#frames.set(key, frame);
    this.#wake?.();
  }

  /** Waits for frames and takes all of them, as one text; undefined once the mailbox is closed. */
  async take(): Promise<string | undefined> {
    while (this.#frames.size === 0 && !this.#isClosed) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#isClosed) return undefined;
    const text = [...this.#frames.values()].join('');
    this.#frames.clear();
    return text;
  }

  close(): void {
    this.#isClosed = true;
    this.#wake?.();
  }
}
