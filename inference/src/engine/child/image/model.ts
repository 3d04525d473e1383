import { LoadError } from '../../../load-error.ts';
import type { Classes, EngineSpec, Payload } from '../../protocol.ts';
import type { OpenModel } from '../load.ts';
import { startRunner } from '../session-thread.ts';
import { createDecoder } from './decode.ts';
import { compareGolden } from './golden.ts';
import { itemBytes } from './session.ts';
import { createSketcher } from './sketch.ts';

/** A model that takes encoded images. The spec's manifest has the section `image`. */
export async function openImages(entry: URL, spec: EngineSpec): Promise<OpenModel> {
  const { manifest, maxPixels, maxSide } = spec;
  if (!manifest.image) throw new LoadError(`${manifest.name} has no section image`);
  const { preprocessing } = manifest.image;
  const decode = createDecoder({ preprocessing, maxPixels, maxSide });
  const sketchOf = createSketcher(preprocessing);
  const size = itemBytes(preprocessing);
  const batch = new SharedArrayBuffer(size * manifest.batching.max_batch_size);
  const slots = new Uint8Array(batch);
  const runner = await startRunner(entry, { spec, batch });
  const run = (items: readonly Payload[]) => {
    items.forEach((pixels, i) => {
      slots.set(pixels as Uint8Array, i * size);
    });
    return runner.run({ count: items.length });
  };
  return {
    prepare: async ({ payload, sketch }) => {
      const decoded = await decode(payload as Uint8Array);
      return sketch ? { payload: decoded.pixels, sketch: sketchOf(decoded) } : { payload: decoded.pixels };
    },
    run,
    warmUpMs: runner.warmUpMs,
    compareGolden: () =>
      compareGolden({
        manifest,
        dirs: spec.sampleDirs,
        classify: async (bytes) => (await run([(await decode(bytes)).pixels])).rows[0] as Classes | undefined,
      }),
  };
}
