import { describe, expect, it } from 'vitest';
import { createDecodeQueue } from './decode-queue.ts';

/** A queue whose decodes end when the test says so. */
function setUp(parallel: number) {
  const started: number[] = [];
  const reported: string[] = [];
  const ends = new Map<number, PromiseWithResolvers<Uint8Array>>();
  const queue = createDecodeQueue({
    parallel,
    decode: (bytes: Uint8Array) => {
      const id = bytes[0] as number;
      started.push(id);
      const end = Promise.withResolvers<Uint8Array>();
      ends.set(id, end);
      return end.promise;
    },
    onDecoded: (id) => reported.push(`decoded ${id}`),
    onFailed: (id, error) => reported.push(`failed ${id}: ${(error as Error).message}`),
    onDropped: (id) => reported.push(`dropped ${id}`),
  });
  const add = (...ids: number[]) => {
    for (const id of ids) queue.add(id, Uint8Array.of(id));
  };
  const end = async (id: number, error?: Error) => {
    if (error) ends.get(id)?.reject(error);
    else ends.get(id)?.resolve(Uint8Array.of(id, id));
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { queue, add, end, started, reported };
}

describe('createDecodeQueue', () => {
  it('decodes in order, no more at once than allowed', async () => {
    const { add, end, started } = setUp(2);
    add(1, 2, 3, 4);
    expect(started).toEqual([1, 2]);
    await end(2);
    expect(started).toEqual([1, 2, 3]);
  });

  it('hands the pixels over once', async () => {
    const { queue, add, end } = setUp(2);
    add(1, 2);
    await end(1);
    await end(2);
    expect(queue.take([2, 1])).toEqual([Uint8Array.of(2, 2), Uint8Array.of(1, 1)]);
    expect(() => queue.take([1])).toThrow(RangeError);
  });

  it('takes nothing when one of the images is not decoded', async () => {
    const { queue, add, end } = setUp(1);
    add(1, 2);
    await end(1);
    expect(() => queue.take([1, 2])).toThrow('item 2');
    expect(queue.take([1])).toHaveLength(1);
  });

  it('never decodes an image that was dropped while it waited, and says when one that had begun has ended', async () => {
    const { queue, add, end, started, reported } = setUp(1);
    add(1, 2, 3);
    queue.drop(1);
    queue.drop(2);
    await end(1);
    expect(started).toEqual([1, 3]);
    expect(reported).toEqual(['dropped 2', 'dropped 1']);
    expect(() => queue.take([1])).toThrow(RangeError);
  });

  it('reports a failure for the image that failed and goes on', async () => {
    const { add, end, started, reported } = setUp(1);
    add(1, 2);
    await end(1, new Error('broken'));
    await end(2);
    expect(started).toEqual([1, 2]);
    expect(reported).toEqual(['failed 1: broken', 'decoded 2']);
  });
});
