import type { Decode } from './decode.ts';

export interface DecodeQueueOptions {
  readonly decode: Decode;
  /** Images decoded at once; at least 1. */
  readonly parallel: number;
  readonly onDecoded: (id: number, decodeMs: number) => void;
  readonly onFailed: (id: number, error: unknown) => void;
}

/**
 * Decodes images in the order in which they came and keeps the pixels until they are taken. A dropped image that
 * has not begun is never decoded; one that has, is forgotten when it ends. Every image that was added and not
 * dropped is reported exactly once.
 */
export interface DecodeQueue {
  add(id: number, bytes: Uint8Array): void;
  drop(id: number): void;
  /**
   * Hands over the pixels of decoded images, in the order of `ids`, and forgets them.
   *
   * @throws RangeError when one of them is not decoded; nothing is taken then
   */
  take(ids: readonly number[]): Uint8Array[];
}

export function createDecodeQueue(options: DecodeQueueOptions): DecodeQueue {
  const waiting = new Map<number, Uint8Array>();
  const decoding = new Set<number>();
  const decoded = new Map<number, Uint8Array>();
  let active = 0;

  const next = () => {
    for (const [id, bytes] of waiting) {
      if (active >= options.parallel) return;
      waiting.delete(id);
      void decodeOne(id, bytes);
    }
  };

  const decodeOne = async (id: number, bytes: Uint8Array) => {
    active += 1;
    decoding.add(id);
    const startedMs = performance.now();
    try {
      const pixels = await options.decode(bytes);
      if (!decoding.delete(id)) return;
      decoded.set(id, pixels);
      options.onDecoded(id, performance.now() - startedMs);
    } catch (error) {
      if (decoding.delete(id)) options.onFailed(id, error);
    } finally {
      active -= 1;
      next();
    }
  };

  return {
    add(id, bytes) {
      waiting.set(id, bytes);
      next();
    },
    drop(id) {
      waiting.delete(id);
      decoding.delete(id);
      decoded.delete(id);
    },
    take(ids) {
      const missing = ids.find((id) => !decoded.has(id));
      if (missing !== undefined) throw new RangeError(`item ${missing} is not decoded`);
      const pixels = ids.map((id) => decoded.get(id) as Uint8Array);
      for (const id of ids) decoded.delete(id);
      return pixels;
    },
  };
}
