import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { ROOT } from '@headgate/testkit/root';
import { expect, it } from 'vitest';
import { contextOf } from './context.ts';
import { MODELS_IMAGE } from './images.ts';
import { withModels } from './models.ts';

const FILES = ['labels.json', 'manifest.yaml', 'model.onnx', 'digit-7.png'];

it('packs each version with a valid manifest, and names the folders that it leaves out', async () => {
  const root = tempDir({
    'k8s/images/models/copy.mjs': '',
    'models/Dockerfile': '',
    'models/flat/manifest.yaml': '',
    'models/mine/2/model.onnx': '',
    'models/mine/3/manifest.yaml': 'schema: 1',
  });
  for (const path of ['models/digits', 'samples/digit-7.png'])
    cpSync(join(ROOT, path), join(root, path), { recursive: true });
  const said: string[] = [];
  const around = {
    root,
    signal: new AbortController().signal,
    ui: { say: (line: string) => said.push(line) },
  };
  const image = await withModels(MODELS_IMAGE, around);
  expect(contextOf(root, image, { packages: {} }).map(({ to }) => to)).toEqual(
    ['copy.mjs', ...FILES.map((file) => `models/digits/1/${file}`)].sort(),
  );
  expect(said).toEqual([
    expect.stringMatching(/^models\/flat is left out/),
    expect.stringMatching(/^models\/mine\/2 is left out: .*manifest.yaml/),
    expect.stringMatching(/^models\/mine\/3 is left out: .*name/),
  ]);
});
