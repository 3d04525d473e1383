export interface DecodeQueueOptions<Encoded, Decoded> {
  readonly decode: (encoded: Encoded) => Promise<Decoded>;
  /** Items decoded at once; at least 1. */
  readonly parallel: number;
  readonly onDecoded: (id: number, decodeMs: number) => void;
  readonly onFailed: (id: number, error: unknown) => void;
  /** A dropped item is not decoded any more, or never was. */
  readonly onDropped: (id: number) => void;
}

/**
 * Decodes items in the order in which they came and keeps what comes out until it is taken. A dropped item that
 * has not begun is never decoded; one that has, is forgotten when it ends. Every item that was added and not
 * dropped is reported exactly once.
 */
export interface DecodeQueue<Encoded, Decoded> {
  add(id: number, encoded: Encoded): void;
  drop(id: number): void;
  /**
   * Hands over decoded items, in the order of `ids`, and forgets them.
   *
   * @throws RangeError when one of them is not decoded; nothing is taken then
   */
  take(ids: readonly number[]): Decoded[];
}

export function createDecodeQueue<Encoded, Decoded>(
  options: DecodeQueueOptions<Encoded, Decoded>,
): DecodeQueue<Encoded, Decoded> {
  const waiting = new Map<number, Encoded>();
  const decoding = new Set<number>();
  const decoded = new Map<number, Decoded>();
  let active = 0;

  const next = () => {
    for (const [id, encoded] of waiting) {
      if (active >= options.parallel) return;
      waiting.delete(id);
      void decodeOne(id, encoded);
    }
  };

  const decodeOne = async (id: number, encoded: Encoded) => {
    active += 1;
    decoding.add(id);
    const startedMs = performance.now();
    try {
      const result = await options.decode(encoded);
      if (!decoding.delete(id)) return options.onDropped(id);
      decoded.set(id, result);
      options.onDecoded(id, performance.now() - startedMs);
    } catch (error) {
      if (decoding.delete(id)) options.onFailed(id, error);
      else options.onDropped(id);
    } finally {
      active -= 1;
      next();
    }
  };

  return {
    add(id, encoded) {
      waiting.set(id, encoded);
      next();
    },
    drop(id) {
      const isDecoding = decoding.delete(id);
      if (waiting.delete(id) || decoded.delete(id) || !isDecoding) options.onDropped(id);
    },
    take(ids) {
      const missing = ids.find((id) => !decoded.has(id));
      if (missing !== undefined) throw new RangeError(`item ${missing} is not decoded`);
      const taken = ids.map((id) => decoded.get(id) as Decoded);
      for (const id of ids) decoded.delete(id);
      return taken;
    },
  };
}
