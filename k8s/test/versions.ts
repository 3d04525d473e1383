import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DARK_ONLY, writeTensorModel } from '../../inference/src/testing/tensor-models.ts';
import { paths } from '../cluster/layout.ts';
import type { Pod } from './kube.ts';
import type { Context } from './scenario.ts';

const MODEL = 'digits';
/** Beside version 1 of the digits model: one that fails with each request, and one that is as good. */
export const VERSION = { failing: '2', good: '3' } as const;

/** Puts further versions into the volume of each pod of inference, from outside, for the time of a scenario. */
export async function addVersions({ kube, cleanUp }: Context): Promise<void> {
  const folders = (await kube.readyPods('inference')).map(modelsOf);
  cleanUp(async () => {
    for (const folder of folders)
      for (const version of Object.values(VERSION))
        rmSync(join(folder, MODEL, version), { recursive: true, force: true });
  });
  for (const folder of folders) {
    writeTensorModel(folder, MODEL, DARK_ONLY, VERSION.failing);
    const good = join(folder, MODEL, VERSION.good);
    cpSync(join(folder, MODEL, '1'), good, { recursive: true });
    const manifest = join(good, 'manifest.yaml');
    const text = readFileSync(manifest, 'utf8');
    writeFileSync(manifest, text.replace('version: "1"', `version: "${VERSION.good}"`));
  }
}

/** The pod has it read-only; its node does not. */
function modelsOf({ metadata, spec }: Pod): string {
  const kubelet = join(paths.nodeDir(spec.nodeName ?? ''), 'kubelet/pods');
  return join(kubelet, metadata.uid, 'volumes/kubernetes.io~empty-dir/models');
}
