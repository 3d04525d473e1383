import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaptureStore } from '@headgate/stores/capture/store';
import type { Example } from './examples.ts';

export interface WrittenDataset {
  readonly images: number;
  readonly bytes: number;
  /** Images that went meanwhile, or are not any more what their digest says. */
  readonly missing: number;
}

/**
 * Writes `images/<sha256>.<format>` and, once all of them are there, `manifest.jsonl` with one image a line. Only the
 * owner may read them. Nothing in them says whose images they were.
 *
 * @param dir is made
 */
export async function writeDataset(
  dir: string,
  { store, examples }: { readonly store: CaptureStore; readonly examples: readonly Example[] },
  signal: AbortSignal,
): Promise<WrittenDataset> {
  await mkdir(join(dir, 'images'), { recursive: true, mode: 0o700 });
  const lines: string[] = [];
  let bytes = 0;
  for (const example of examples) {
    const { captured } = example;
    const image = await store.get(captured, signal);
    if (!image || createHash('sha256').update(image).digest('hex') !== captured.sha256) continue;
    const path = `images/${captured.sha256}.${formatOf(image)}`;
    await writeFile(join(dir, path), image, { mode: 0o600, signal });
    lines.push(`${JSON.stringify(lineOf(example, path))}\n`);
    bytes += image.byteLength;
  }
  const unfinished = join(dir, '.manifest.jsonl');
  await writeFile(unfinished, lines.join(''), { mode: 0o600, signal });
  await rename(unfinished, join(dir, 'manifest.jsonl'));
  return { images: lines.length, bytes, missing: examples.length - lines.length };
}

function lineOf({ captured, judged, label, class_id }: Example, image: string) {
  const { model, version, predicted_label, id, index } = judged;
  return {
    image,
    sha256: captured.sha256,
    label,
    class_id,
    model,
    version,
    predicted_label,
    prediction_id: id,
    index,
    captured_on: captured.day,
  };
}

/** The gateway lets only these three pass. */
function formatOf(image: Uint8Array): 'jpg' | 'png' | 'webp' {
  if (image[0] === 0xff) return 'jpg';
  return image[0] === 0x89 ? 'png' : 'webp';
}
