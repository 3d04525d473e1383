import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeRepository } from '../testing/describe-repository.ts';
import { GOLDEN, type RegistryBench, registryBench, sha256 } from '../testing/registry-bench.ts';
import { COLOURS, manifestOf, PICK, writeTensorModel } from '../testing/tensor-models.ts';

describeRepository('MLflow behind an empty folder', async () => {
  const bench = await registryBench();
  return {
    repository: bench.repository,
    publish: async (model, version, description) => {
      bench.register(`${model}/${version}`, { description });
    },
    publishHalf: async (model, version) => {
      bench.register(`${model}/${version}`);
      bench.mlflow.versions.get(`${model}/${version}`)?.tags.delete(TAG.manifest);
    },
    remove: async (model, version) => void bench.mlflow.versions.delete(`${model}/${version}`),
  };
});

describeRepository('a folder in front of MLflow', async () => {
  const { models, repository } = await registryBench();
  const publish = (model: string, version: string, description = '') => {
    writeTensorModel(models, model, PICK, version);
    const manifest = { ...manifestOf(model, PICK), version, description };
    writeFileSync(join(models, model, version, 'manifest.yaml'), JSON.stringify(manifest));
  };
  const folderOf = (model: string, version: string) => join(models, model, version);
  return {
    repository,
    publish: async (model, version, description) => publish(model, version, description),
    publishHalf: async (model, version) => void mkdirSync(folderOf(model, version), { recursive: true }),
    remove: async (model, version) => rmSync(folderOf(model, version), { recursive: true }),
  };
});

let bench: RegistryBench;
beforeEach(async () => {
  bench = await registryBench();
});

describe('a registered version', () => {
  it('is downloaded whole, with its golden samples and labels', async () => {
    bench.register(
      'a/1',
      { image: { ...COLOURS.image, labels_sha256: sha256(Buffer.from('["0","1","2"]')) } },
      COLOURS,
    );
    const { directory, labels } = await bench.open();
    expect(labels).toEqual(['0', '1', '2']);
    expect(readdirSync(directory).sort()).toEqual(['golden', 'labels.json', 'manifest.yaml', 'model.onnx']);
    expect(readFileSync(join(directory, 'golden/a.json'))).toEqual(GOLDEN);
  });

  it('is downloaded once, however many ask for it, and not again after a start', async () => {
    bench.register('a/1');
    await Promise.all([bench.open(), bench.open(), bench.open()]);
    await bench.open('a/1', bench.start());
    expect(bench.downloads()).toBe(3);
  });

  it('is served from the cache while MLflow is away, also after a start', async () => {
    bench.register('a/1');
    const opened = await bench.open();
    bench.mlflow.stop();
    const restarted = bench.start();
    expect((await bench.open('a/1', restarted)).directory).toBe(opened.directory);
    expect(await restarted.isCurrent(opened)).toBe(true);
    expect(await restarted.list()).toEqual([{ model: 'a', version: '1' }]);
    await expect(bench.open('a/2', restarted)).rejects.toMatchObject({ kind: 'missing' });
  });

  it('is served from the cache when somebody deletes it in MLflow', async () => {
    bench.register('a/1');
    const opened = await bench.open();
    bench.mlflow.versions.clear();
    expect((await bench.open()).directory).toBe(opened.directory);
  });

  it('never stands in for a version of the models folder', async () => {
    bench.register('a/1', { description: 'registered' });
    writeTensorModel(bench.models, 'a', PICK);
    expect((await bench.open()).manifest.description).toBe('');
    expect(bench.mlflow.asked).toEqual([]);
  });

  it('is not asked for a file before its registration is complete', async () => {
    bench.register('a/1');
    const tags = bench.mlflow.versions.get('a/1')?.tags;
    for (const sha256 of [undefined, '', '../escaped']) {
      if (sha256 === undefined) tags?.delete(TAG.manifest);
      else tags?.set(TAG.manifest, sha256);
      await expect(bench.open()).rejects.toMatchObject({ kind: 'missing' });
    }
    expect(bench.downloads()).toBe(0);
  });

  it('stands in a list once, with those of the folder and of the cache', async () => {
    for (const name of ['a/10', 'a/9', 'b/1']) bench.register(name);
    await bench.open('b/1');
    bench.mlflow.versions.delete('b/1');
    writeTensorModel(bench.models, 'a', PICK, '9');
    writeTensorModel(bench.models, 'a', PICK, '2');
    const names = (await bench.repository.list()).map(({ model, version }) => `${model}/${version}`);
    expect(names).toEqual(['a/2', 'a/9', 'a/10', 'b/1']);
  });

  it('needs its signature where signatures are required', async () => {
    bench.register('a/1');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const strict = bench.start({ requireSignature: true, publicKeys: [publicKey] });
    await expect(bench.open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    const files = bench.mlflow.versions.get('a/1')?.files;
    files?.set('manifest.yaml.sig', Buffer.from('no signature'));
    await expect(bench.open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    expect(bench.cached()).toEqual([]);
    const signature = sign(null, files?.get('manifest.yaml') as Buffer, privateKey);
    files?.set('manifest.yaml.sig', Buffer.from(signature.toString('base64')));
    await bench.open('a/1', strict);
  });
});
