import { DAY_MS } from '@headgate/runtime/clock';
import type { Captured, CaptureStore } from '@headgate/stores/capture/store';
import type { JudgedImage, JudgedQuery } from '@headgate/stores/records/judged';
import type { JudgedSource } from './judged-source.ts';

/** A captured image, and the right answer for it. */
export interface Example {
  readonly captured: Captured;
  /** The first prediction of it that was judged. */
  readonly judged: JudgedImage;
  readonly label: string | null;
  readonly class_id: number | null;
}

export interface Examples {
  readonly examples: readonly Example[];
  /** Images about which feedback disagrees. */
  readonly disputed: number;
  /** Captured images that nobody judged. */
  readonly unjudged: number;
}

const PAGE = 1000;

/** Captured images with feedback by whoever sent them, each digest once. */
export async function findExamples(
  store: CaptureStore,
  source: Pick<JudgedSource, 'page'>,
  signal: AbortSignal,
): Promise<Examples> {
  const found = new Map<string, Found>();
  let captures = 0;
  let matched = 0;
  for (const day of await store.days(signal)) {
    const captured = new Map<string, Captured>();
    for await (const one of store.list(day, { signal })) captured.set(`${one.unit}/${one.sha256}`, one);
    captures += captured.size;
    const seen = new Set<string>();
    for await (const judged of judgedOf(day, source)) {
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
async function* judgedOf(day: string, source: Pick<JudgedSource, 'page'>): AsyncIterable<JudgedImage> {
  const from_ms = Date.parse(`${day}T00:00:00Z`);
  let after: JudgedQuery['after'] = null;
  for (;;) {
    const page = await source.page({ from_ms, to_ms: from_ms + DAY_MS, after, limit: PAGE });
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
