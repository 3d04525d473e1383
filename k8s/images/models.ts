import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { LoadError } from '../../inference/src/load-error.ts';
import { folderRepository, foldersIn } from '../../inference/src/models/folder-repository.ts';
import type { Ui } from '../../scripts/setup/ui.mjs';
import type { Image, Source } from './images.ts';

interface Around {
  readonly root: string;
  readonly signal: AbortSignal;
  readonly ui: Pick<Ui, 'say'>;
}

/** The image with each version in `models/` that has a valid manifest. Says what it leaves out, and why. */
export async function withModels(image: Image, { root, signal, ui }: Around): Promise<Image> {
  const models = join(root, 'models');
  const repository = folderRepository(models);
  const sources = [...image.sources];
  for (const model of await foldersIn(models)) {
    const versions = await foldersIn(join(models, model));
    if (versions.length === 0) ui.say(`models/${model} is left out: it has no folder of a version`);
    for (const version of versions) {
      const folder = `models/${model}/${version}`;
      try {
        const { manifest } = await repository.open(model, version, signal);
        const samples = manifest.golden.samples.map(({ file }) => file);
        sources.push({ from: folder, to: folder }, ...sharedSamples(root, folder, samples));
      } catch (error) {
        if (!(error instanceof LoadError)) throw error;
        ui.say(`${folder} is left out: ${error.message}`);
      }
    }
  }
  return { ...image, sources };
}

/** Golden samples that lie in `samples/`: an engine in a pod finds them in the folder of the version. */
function sharedSamples(root: string, folder: string, files: readonly string[]): Source[] {
  return files
    .filter((file) => !existsSync(join(root, folder, file)) && existsSync(join(root, 'samples', file)))
    .map((file) => ({ from: `samples/${file}`, to: `${folder}/${file}` }));
}
