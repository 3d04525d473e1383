import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import {
  type Captured,
  type CaptureKey,
  type CaptureStore,
  eraseCaptures,
  expireCaptures,
} from '../capture/store.ts';

const { signal } = new AbortController();
const sha256 = (image: Uint8Array) => createHash('sha256').update(image).digest('hex');

export const ALICE = 'a'.repeat(32);
const BOB = 'b'.repeat(32);

/** An image of its own for each number. */
export const imageOf = (number: number): Uint8Array => Buffer.from(`image ${number}`);
export const keyOf = (day: string, unit: string, image: Uint8Array): CaptureKey => ({
  day,
  unit,
  sha256: sha256(image),
});

/** Keeps images of these days, units and numbers. */
export async function fill(store: CaptureStore, images: readonly (readonly [string, string, number])[]) {
  for (const [day, unit, number] of images) {
    const image = imageOf(number);
    await store.put(keyOf(day, unit, image), image, signal);
  }
}

/** Everything that the store holds. */
export async function allOf(store: CaptureStore): Promise<Captured[]> {
  const found: Captured[] = [];
  for (const day of await store.days(signal)) {
    for await (const captured of store.list(day, { signal })) found.push(captured);
  }
  return found;
}

/** What every store of captured images promises. @param open an empty one each time */
export function testCaptureStore(open: () => Promise<CaptureStore>): void {
  it('keeps an image under its day, unit and digest, once', async () => {
    const store = await open();
    const key = keyOf('2030-01-01', ALICE, imageOf(1));
    expect(await store.get(key, signal)).toBeUndefined();
    expect(await store.days(signal)).toEqual([]);
    for (let time = 0; time < 2; time += 1) await store.put(key, imageOf(1), signal);
    expect(Buffer.from((await store.get(key, signal)) ?? [])).toEqual(imageOf(1));
    expect(await allOf(store)).toEqual([{ ...key, bytes: imageOf(1).byteLength }]);
  });

  it('lists days in their order, and a unit without the others', async () => {
    const store = await open();
    await fill(store, [
      ['2030-01-02', ALICE, 1],
      ['2030-01-01', BOB, 2],
      ['2030-01-01', ALICE, 3],
    ]);
    expect(await store.days(signal)).toEqual(['2030-01-01', '2030-01-02']);
    const units: string[] = [];
    for await (const { unit } of store.list('2030-01-01', { unit: BOB, signal })) units.push(unit);
    expect(units).toEqual([BOB]);
  });

  it('erases all images of a person, and those of nobody else, even where they are the same', async () => {
    const store = await open();
    await fill(store, [
      ['2030-01-01', ALICE, 1],
      ['2030-01-02', ALICE, 2],
      ['2030-01-02', BOB, 2],
    ]);
    expect(await eraseCaptures(store, { unit: ALICE }, signal)).toBe(2);
    expect(await allOf(store)).toMatchObject([{ unit: BOB, day: '2030-01-02' }]);
    expect(await eraseCaptures(store, { unit: ALICE }, signal)).toBe(0);
  });

  it('erases every copy of an image', async () => {
    const store = await open();
    await fill(store, [
      ['2030-01-01', ALICE, 1],
      ['2030-01-02', BOB, 1],
      ['2030-01-02', BOB, 2],
    ]);
    expect(await eraseCaptures(store, { sha256: sha256(imageOf(1)) }, signal)).toBe(2);
    expect(await allOf(store)).toMatchObject([{ sha256: sha256(imageOf(2)) }]);
  });

  it('forgets days beyond the retention, and no other', async () => {
    const store = await open();
    await fill(store, [
      ['2030-01-01', ALICE, 1],
      ['2030-01-02', ALICE, 2],
      ['2030-01-31', ALICE, 3],
    ]);
    const nowMs = Date.parse('2030-02-01T12:00:00Z');
    expect(await expireCaptures(store, { retentionDays: 30, nowMs }, signal)).toEqual(['2030-01-01']);
    expect(await store.days(signal)).toEqual(['2030-01-02', '2030-01-31']);
  });

  it('gives up when it is told to', async () => {
    const store = await open();
    const aborted = AbortSignal.abort(new Error('too late'));
    await expect(store.put(keyOf('2030-01-01', ALICE, imageOf(1)), imageOf(1), aborted)).rejects.toThrow();
    expect(await allOf(store)).toEqual([]);
  });
}
