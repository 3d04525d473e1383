import { readdirSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { answerText } from '@headgate/runtime/testing/fake-mlflow';
import { writeText } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { GOLDEN, type RegistryBench, registryBench, sha256 } from '../testing/registry-bench.ts';
import { COLOURS, manifestOf, PICK } from '../testing/tensor-models.ts';
import { VersionCache } from './version-cache.ts';

let bench: RegistryBench;
beforeEach(async () => {
  bench = await registryBench();
});

describe('a poisoned artifact', () => {
  it.each(['manifest.yaml', 'model.onnx', 'golden/a.json'])(
    'is refused and leaves nothing: %s; the corrected one is served',
    async (path) => {
      const files = bench.register('a/1');
      const good = files.get(path) as Buffer;
      for (const bad of [Buffer.concat([good, Buffer.from(' ')]), Buffer.alloc(good.byteLength), undefined]) {
        if (bad) files.set(path, bad);
        else files.delete(path);
        await expect(bench.open()).rejects.toMatchObject({ name: 'LoadError', kind: 'digest' });
        expect(bench.cached()).toEqual([]);
      }
      files.set(path, good);
      await bench.open();
    },
  );

  it('of a version that is registered again takes the place of no cached one', async () => {
    bench.register('a/1', { description: 'old' });
    const old = await bench.open();
    const files = bench.register('a/1', { description: 'new' });
    const model = files.get('model.onnx') as Buffer;
    files.set('model.onnx', Buffer.from('poison'));
    await expect(bench.open()).rejects.toMatchObject({ kind: 'digest' });
    expect(readFileSync(join(old.directory, 'model.onnx'))).toEqual(model);
  });
});

describe('a manifest in MLflow', () => {
  it.each(['../escaped', '/tmp/headgate-escaped', 'x/../../escaped', '..'])(
    'leads no file out of the folder of its version: %s',
    async (file) => {
      const files = bench.register('a/1', {
        golden: { tolerance: 0.1, samples: [{ file, sha256: sha256(GOLDEN) }] },
      });
      files.set(file, GOLDEN);
      await expect(bench.open()).rejects.toMatchObject({ kind: 'manifest' });
      expect(bench.cached()).toEqual([]);
      expect(readdirSync(dirname(bench.cacheDir))).toEqual(['cache']);
    },
  );

  it('must be of the version that was asked for', async () => {
    bench.register('b/1');
    bench.mlflow.versions.set('a/1', bench.mlflow.versions.get('b/1') as never);
    await expect(bench.open()).rejects.toMatchObject({ kind: 'manifest' });
  });

  it('may list a file twice', async () => {
    const sample = { file: 'golden/a.json', sha256: sha256(GOLDEN) };
    bench.register('a/1', { golden: { tolerance: 0.1, samples: [sample, sample] } });
    await bench.open();
  });

  it.each(['golden/a.json', 'manifest.yaml', 'manifest.yaml.sig', 'golden', 'model.onnx/b'])(
    'must not list two files as one, or a file as a folder: %s',
    async (file) => {
      const samples = [
        { file: 'golden/a.json', sha256: sha256(GOLDEN) },
        { file, sha256: '0'.repeat(64) },
      ];
      bench.register('a/1', { golden: { tolerance: 0.1, samples } });
      await expect(bench.open()).rejects.toMatchObject({ name: 'LoadError', kind: 'manifest' });
    },
  );

  it('must hold the digest of the labels', async () => {
    bench.register('a/1', {}, COLOURS);
    await expect(bench.open()).rejects.toThrow('image.labels_sha256');
  });

  it('that asks for more than the disk holds is refused before the model is downloaded', async () => {
    const { file } = manifestOf('a', PICK);
    bench.register('a/1', { file: { ...file, bytes: 2 ** 40 } });
    await expect(bench.open()).rejects.toThrow('registry.cache_dir has no room');
    expect(bench.downloads()).toBe(1);
    expect(bench.cached()).toEqual([]);
  });
});

describe('a download', () => {
  it('that is cut leaves nothing, and the next one is whole', async () => {
    bench.register('a/1');
    bench.mlflow.intercept = (path, response) => {
      if (!path.includes('model.onnx')) return false;
      response.writeHead(200, { 'content-length': 1000 }).write('half', () => response.destroy());
      return true;
    };
    await expect(bench.open()).rejects.toMatchObject({ name: 'LoadError', kind: 'missing' });
    expect(bench.cached()).toEqual([]);
    bench.mlflow.intercept = () => false;
    await bench.open();
  });

  it('ends when the version is no longer wanted', async () => {
    bench.register('a/1');
    const stop = new AbortController();
    const reason = new Error('not wanted any more');
    bench.mlflow.intercept = (path) => {
      if (!path.includes('model.onnx')) return false;
      stop.abort(reason);
      return true;
    };
    await expect(bench.open('a/1', bench.repository, stop.signal)).rejects.toBe(reason);
    expect(bench.cached()).toEqual([]);
  });

  it('is refused by an answer that is none of MLflow', async () => {
    bench.register('a/1');
    bench.mlflow.intercept = (_, response) => answerText(response, 200, '<html>');
    await expect(bench.open()).rejects.toMatchObject({ kind: 'missing' });
    expect(await bench.repository.list()).toEqual([]);
  });

  it('of a staged version does not hold up a version that units need, nor does it lose its files', async () => {
    for (const name of ['a/1', 'a/2', 'a/3']) bench.register(name);
    bench.staged = '2';
    const held = Promise.withResolvers<ServerResponse>();
    bench.mlflow.intercept = (path, response) => {
      const isHeld = path.includes('model.onnx') && path.includes('a%2F2');
      if (isHeld) held.resolve(response);
      return isHeld;
    };
    const staged = bench.open('a/2');
    const response = await held.promise;
    await bench.open('a/1');
    bench.mlflow.intercept = () => false;
    response.end(bench.mlflow.versions.get('a/2')?.files.get('model.onnx'));
    await Promise.all([staged, bench.open('a/3')]);
    expect(bench.downloads()).toBe(9);
  });

  it('of a staged version serves its reload too, once the version gets units', async () => {
    bench.register('a/1');
    bench.staged = '1';
    const held = Promise.withResolvers<ServerResponse>();
    bench.mlflow.intercept = (path, response) => {
      const isHeld = path.includes('model.onnx');
      if (isHeld) held.resolve(response);
      return isHeld;
    };
    const staged = bench.open();
    const response = await held.promise;
    bench.staged = '';
    bench.mlflow.intercept = () => false;
    const reloaded = bench.open();
    response.end(bench.mlflow.versions.get('a/1')?.files.get('model.onnx'));
    const [first, second] = await Promise.all([staged, reloaded]);
    expect(second.directory).toBe(first.directory);
    expect(bench.downloads()).toBe(3);
  });

  it('that meets a full disk says what to do, also where the disk had room before', async () => {
    bench.register('a/1');
    vi.spyOn(VersionCache.prototype, 'add').mockRejectedValueOnce(
      Object.assign(new Error('write'), { code: 'ENOSPC' }),
    );
    await expect(bench.open()).rejects.toThrow('registry.cache_dir has no room for a/1; make room there');
    await bench.open();
  });

  it('removes what a process left that has ended, and nothing else', async () => {
    bench.register('a/1');
    for (const name of ['.partial-abc', 'notes']) {
      writeText(join(bench.cacheDir, name, 'model.onnx'), 'half');
    }
    await bench.open();
    expect(bench.cached().filter((name) => name.length < 64)).toEqual(['notes']);
  });
});
