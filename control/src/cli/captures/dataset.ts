import { createHash } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DAY_MS } from '@headgate/runtime/clock';
import type { Captured, CaptureStore } from '@headgate/stores/capture/store';
import type { JudgedImage, JudgedQuery } from '@headgate/stores/records/judged';

/** A captured image, and the right answer for it. */
interface Example {
  readonly captured: Captured;
  /** The first prediction of it that was judged. */
  readonly judged: JudgedImage;
  readonly label: string | null;
  readonly class_id: number | null;
}

type JudgedPage = (query: JudgedQuery) => Promise<readonly JudgedImage[]>;

const PAGE = 1000;

/**
 * Captured images with feedback by those who sent them, each digest once; how many are left out because feedback on them
 * disagrees; and how many captured images nobody judged.
 */
export async function findExamples(store: CaptureStore, page: JudgedPage, signal: AbortSignal) {
  const found = new Map<string, Found>();
  let captures = 0;
  let matched = 0;
  for (const day of await store.days(signal)) {
    const captured = new Map<string, Captured>();
    for await (const one of store.list(day, { signal })) captured.set(`${one.unit}/${one.sha256}`, one);
    captures += captured.size;
    const seen = new Set<string>();
    for await (const judged of judgedOf(day, page)) {
      const key = `${judged.unit}/${judged.image_sha256}`;
      const one = captured.get(key);
      if (!one) continue;
      seen.add(key);
      const before = found.get(one.sha256);
      if (before) before.all.push(judged);
      else found.set(one.sha256, { captured: one, all: [judged] });
    }
    matched += seen.size;
  }
  const examples = [...found.values()].flatMap((one) => exampleOf(one) ?? []);
  return { examples, disputed: found.size - examples.length, unjudged: captures - matched };
}

interface Found {
  readonly captured: Captured;
  readonly all: JudgedImage[];
}

/** Page by page, in the order of the predictions. */
async function* judgedOf(day: string, ask: JudgedPage): AsyncIterable<JudgedImage> {
  const from_ms = Date.parse(`${day}T00:00:00Z`);
  let after: JudgedQuery['after'] = null;
  for (;;) {
    const page = await ask({ from_ms, to_ms: from_ms + DAY_MS, after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (page.length < PAGE || !last) return;
    after = { at_ms: last.at_ms, id: last.id, index: last.index };
  }
}

/** Undefined where feedback contradicts itself: a name and a number do not. */
function exampleOf({ captured, all }: Found): Example | undefined {
  const labels = new Set(all.flatMap(({ label }) => label ?? []));
  const classIds = new Set(all.flatMap(({ class_id }) => class_id ?? []));
  const [judged] = all;
  if (labels.size > 1 || classIds.size > 1 || !judged) return undefined;
  const [label = null] = labels;
  const [class_id = null] = classIds;
  return { captured, judged, label, class_id };
}

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
