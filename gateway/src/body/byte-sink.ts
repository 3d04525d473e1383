/** First allocation when the final length is unknown. */
const START_BYTES = 64 * 1024;

/**
 * Joins chunks into one block. What arrives in one piece is not copied; otherwise each byte is copied once when the
 * length was announced, and the block grows by doubling when it was not, however small the chunks are.
 */
export class ByteSink {
  #block = new Uint8Array(0);
  #length = 0;
  readonly #expectedBytes: number;

  /** @param expectedBytes announced length; 0 when unknown */
  constructor(expectedBytes: number) {
    this.#expectedBytes = expectedBytes;
  }

  get length(): number {
    return this.#length;
  }

  append(chunk: Uint8Array<ArrayBuffer>): void {
    const end = this.#length + chunk.byteLength;
    if (this.#length === 0) {
      this.#block = chunk;
    } else {
      if (end > this.#block.byteLength) this.#grow(end);
      this.#block.set(chunk, this.#length);
    }
    this.#length = end;
  }

  /** Everything so far, as a view. */
  bytes(): Uint8Array {
    return this.#block.subarray(0, this.#length);
  }

  #grow(neededBytes: number): void {
    const target =
      neededBytes <= this.#expectedBytes ? this.#expectedBytes : Math.max(2 * neededBytes, START_BYTES);
    const grown = new Uint8Array(target);
    grown.set(this.bytes());
    this.#block = grown;
  }
}
