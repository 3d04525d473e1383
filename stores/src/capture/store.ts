import { DAY_MS } from '@headgate/runtime/clock';

/**
 * Where captured images lie: by day, by unit, by digest. So a day is forgotten and a person erased without looking at
 * any other image, and nobody counts references: the same image of two people is two copies.
 */
export interface CaptureStore {
  /** Keeps an image. One that is there already, whole, stays as it is. */
  put(key: CaptureKey, image: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Undefined when it is not there. */
  get(key: CaptureKey, signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** Nothing happens when it is not there. */
  remove(key: CaptureKey, signal: AbortSignal): Promise<void>;
  /** Days of which there may be images, oldest first. */
  days(signal: AbortSignal): Promise<readonly string[]>;
  /** Images of a day; of one unit alone if it is named. */
  list(day: string, options: ListOptions): AsyncIterable<Captured>;
  /** Removes whatever is left of a day. */
  removeDay(day: string, signal: AbortSignal): Promise<void>;
}

interface ListOptions {
  readonly unit?: string | undefined;
  readonly signal: AbortSignal;
}

export interface CaptureKey {
  /** Of its prediction, UTC, as 2026-11-28. */
  readonly day: string;
  /** Keyed hash of the unit, as in the records. */
  readonly unit: string;
  /** Of the encoded image, as hex. */
  readonly sha256: string;
}

export interface Captured extends CaptureKey {
  readonly bytes: number;
}

/** The store does not do what it is asked. */
export class CaptureStoreError extends Error {
  override readonly name = 'CaptureStoreError';
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const UNIT = /^[0-9a-f]{32}$/;
const SHA256 = /^[0-9a-f]{64}$/;

export const isDay = (text: string): boolean => DAY.test(text);

/** `day/unit/sha256` */
export function pathOf({ day, unit, sha256 }: CaptureKey): string {
  return `${day}/${unit}/${sha256}`;
}

/** The opposite; undefined for whatever else lies in the store. */
export function keyOfPath(path: string): CaptureKey | undefined {
  const [day = '', unit = '', sha256 = '', ...more] = path.split('/');
  const isKey = DAY.test(day) && UNIT.test(unit) && SHA256.test(sha256) && more.length === 0;
  return isKey ? { day, unit, sha256 } : undefined;
}

/** @param epochMs wall clock in ms */
export function captureDay(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10);
}

/** What is to go: copies of an image, or all images of a unit. */
export type Erasure = { readonly sha256: string } | { readonly unit: string };

/** @returns how many images were removed */
export async function eraseCaptures(
  store: CaptureStore,
  erasure: Erasure,
  signal: AbortSignal,
): Promise<number> {
  const unit = 'unit' in erasure ? erasure.unit : undefined;
  let removed = 0;
  for (const day of await store.days(signal)) {
    for await (const found of store.list(day, { unit, signal })) {
      if ('sha256' in erasure && found.sha256 !== erasure.sha256) continue;
      await store.remove(found, signal);
      removed += 1;
    }
  }
  return removed;
}

/** Removes every day whose last moment is older than the retention. @returns the days */
export async function expireCaptures(
  store: CaptureStore,
  { retentionDays, nowMs }: { readonly retentionDays: number; readonly nowMs: number },
  signal: AbortSignal,
): Promise<readonly string[]> {
  const oldest = captureDay(nowMs - retentionDays * DAY_MS);
  const old = (await store.days(signal)).filter((day) => day < oldest);
  for (const day of old) await store.removeDay(day, signal);
  return old;
}
