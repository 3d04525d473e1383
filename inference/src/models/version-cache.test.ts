import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { type RegistryBench, registryBench } from '../testing/registry-bench.ts';

let bench: RegistryBench;
beforeEach(async () => {
  bench = await registryBench();
});

describe('the cache', () => {
  it('keeps served versions, and of each model the three others that were opened last', async () => {
    bench.served = [{ model: 'a', version: '1' }];
    for (const name of ['a/1', 'b/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6']) {
      bench.register(name);
      const { directory } = await bench.open(name);
      const [, minute] = name.split('/').map(Number);
      utimesSync(join(directory, '../..'), 0, 60 * (minute ?? 0));
    }
    bench.mlflow.stop();
    const names = (await bench.start().list()).map(({ model, version }) => `${model}/${version}`);
    expect(names).toEqual(['a/1', 'a/4', 'a/5', 'a/6', 'b/1']);
  });

  it.each([
    ['changed', (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8')} `)],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['removed', (path: string) => rmSync(path)],
  ])('downloads a version again whose manifest is %s', async (_, damage) => {
    bench.register('a/1', { description: 'good' });
    const { directory } = await bench.open();
    damage(join(directory, 'manifest.yaml'));
    expect((await bench.open()).manifest.description).toBe('good');
    expect(bench.cached()).toHaveLength(1);
  });

  it('offers no damaged version while MLflow is away', async () => {
    bench.register('a/1');
    const { directory } = await bench.open();
    const path = join(directory, 'manifest.yaml');
    writeFileSync(path, `${readFileSync(path, 'utf8')} `);
    bench.mlflow.stop();
    await expect(bench.open()).rejects.toMatchObject({ kind: 'digest' });
    expect(bench.cached()).toEqual([]);
  });

  it.each(['model.onnx', 'golden/a.json'])(
    'downloads a version again whose file an engine refused: %s',
    async (path) => {
      const good = bench.register('a/1').get(path);
      const opened = await bench.open();
      writeFileSync(join(opened.directory, path), 'damaged');
      await bench.repository.refused(opened);
      expect(await bench.repository.isCurrent(opened)).toBe(false);
      expect(readFileSync(join((await bench.open()).directory, path))).toEqual(good);
    },
  );

  it('keeps a version that an engine refused as it was registered', async () => {
    bench.register('a/1');
    const opened = await bench.open();
    await bench.repository.refused(opened);
    expect(await bench.repository.isCurrent(opened)).toBe(true);
  });
});

describe('a cached version, where its signature is not trusted', () => {
  it('is downloaded again with the one that MLflow has by now', async () => {
    const files = bench.register('a/1');
    await bench.open();
    for (const { privateKey, publicKey } of [
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ed25519'),
    ]) {
      const signature = sign(null, files.get('manifest.yaml') as Buffer, privateKey);
      files.set('manifest.yaml.sig', Buffer.from(signature.toString('base64')));
      await bench.open('a/1', bench.start({ requireSignature: true, publicKeys: [publicKey] }));
    }
  });

  it('stays in the cache while MLflow is away', async () => {
    bench.register('a/1');
    await bench.open();
    bench.mlflow.stop();
    const { publicKey } = generateKeyPairSync('ed25519');
    const strict = bench.start({ requireSignature: true, publicKeys: [publicKey] });
    await expect(bench.open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    await bench.open();
  });
});
