import { DAY_MS } from '@headgate/runtime/clock';
import { type CaptureStore, captureDay } from './store.ts';

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
