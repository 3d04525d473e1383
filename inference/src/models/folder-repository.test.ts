import { renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tempDir } from '@headgate/testkit/folders';
import { describe, expect, it } from 'vitest';
import { describeRepository } from '../testing/describe-repository.ts';
import { manifestOf, PICK, writeTensorModel } from '../testing/tensor-models.ts';
import { folderRepository } from './folder-repository.ts';

const never = new AbortController().signal;

async function create() {
  const root = tempDir();
  const put = (model: string, version: string, description: string) => {
    writeTensorModel(root, model, PICK, version);
    const manifest = { ...manifestOf(model, PICK), version, description };
    writeFileSync(join(root, model, version, 'manifest.yaml'), JSON.stringify(manifest));
  };
  return {
    root,
    repository: folderRepository(root),
    publish: async (model: string, version: string, description = '') => put(model, version, description),
    publishHalf: async (model: string, version: string) => {
      put(model, version, '');
      rmSync(join(root, model, version, 'manifest.yaml'));
    },
    remove: async (model: string, version: string) => rmSync(join(root, model, version), { recursive: true }),
  };
}

describeRepository('a folder', create);

describe('a folder of models', () => {
  it('ignores what lies there besides: files, hidden folders, names that are none', async () => {
    const { root, repository, publish } = await create();
    for (const [model, version] of [
      ['a', '1'],
      ['.a', '1'],
      ['a', '.stage'],
      ['a b', '1'],
    ] as const) {
      await publish(model, version);
    }
    writeFileSync(join(root, 'README.md'), '');
    writeFileSync(join(root, 'a', 'notes.txt'), '');
    expect(await repository.list()).toEqual([{ model: 'a', version: '1' }]);
  });

  it('offers a version at once when its folder is renamed into place', async () => {
    const { root, repository, publish } = await create();
    await publish('a', '.2');
    expect(await repository.list()).toEqual([]);
    const manifest = { ...manifestOf('a', PICK), version: '2' };
    writeFileSync(join(root, 'a/.2/manifest.yaml'), JSON.stringify(manifest));
    renameSync(join(root, 'a/.2'), join(root, 'a/2'));
    expect(await repository.list()).toEqual([{ model: 'a', version: '2' }]);
    expect((await repository.open('a', '2', never)).manifest.version).toBe('2');
  });

  it('follows links, as volumes are mounted with', async () => {
    const { root, repository, publish } = await create();
    const elsewhere = await create();
    await elsewhere.publish('a', '1');
    await publish('b', '1');
    symlinkSync(join(elsewhere.root, 'a'), join(root, 'a'));
    expect(await repository.list()).toHaveLength(2);
    expect((await repository.open('a', '1', never)).manifest.name).toBe('a');
  });

  it('notices a change of the model file alone', async () => {
    const { root, repository, publish } = await create();
    await publish('a', '1');
    const opened = await repository.open('a', '1', never);
    utimesSync(join(root, 'a/1/model.onnx'), 1, 1);
    expect(await repository.isCurrent(opened)).toBe(false);
  });

  it('lists nothing when there is no such folder', async () => {
    expect(await folderRepository(join(tmpdir(), 'headgate-nowhere')).list()).toEqual([]);
  });
});
