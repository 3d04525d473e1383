import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { dirname, join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { createLogger } from '@headgate/runtime/logger';
import { type ModelRegistry, openRegistry } from '@headgate/runtime/registry/mlflow';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import { answerText, type FakeMlflow, fakeMlflow } from '@headgate/runtime/testing/fake-mlflow';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { describeRepository } from '../testing/describe-repository.ts';
import { COLOURS, manifestOf, PICK, writeTensorModel } from '../testing/tensor-models.ts';
import { folderRepository } from './folder-repository.ts';
import { RegistryRepository } from './registry-repository.ts';
import type { ModelRepository, VersionName } from './repository.ts';
import { TRUST_ALL, type Trust } from './trust.ts';
import { VersionCache } from './version-cache.ts';

const { signal: never } = new AbortController();
const GOLDEN = Buffer.from('a picture');
const TOP = { top: [{ class_id: 0, score: 1 }] };

interface Setup {
  readonly mlflow: FakeMlflow;
  readonly models: string;
  readonly cacheDir: string;
  served: VersionName[];
  staged: string;
  /** As after a start of the process: nothing is remembered but what is on the disk. */
  start(trust?: Trust): ModelRepository;
}

async function setUp(): Promise<Setup> {
  const mlflow = await fakeMlflow();
  const root = tempDir();
  const setup: Setup = {
    mlflow,
    models: join(root, 'models'),
    cacheDir: join(root, 'cache'),
    served: [],
    staged: '',
    start(trust = TRUST_ALL) {
      const config = { url: mlflow.url, token_file: '', cache_dir: '', poll_ms: 1, timeout_ms: 5000 };
      const registry = openRegistry({ registry: config }, { root, report: noResilienceReport });
      return new RegistryRepository({
        folder: folderRepository(setup.models, trust),
        cache: new VersionCache(setup.cacheDir, trust),
        registry: registry as ModelRegistry,
        trust,
        served: () => setup.served,
        isStaged: ({ version }) => version === setup.staged,
        log: createLogger({ service: 'test', level: 'info', destination: { write() {} } }),
      });
    },
  };
  return setup;
}

type Changes = Readonly<Record<string, unknown>>;

/** Registers a version as pipelines do. @param changes to its manifest */
function register({ mlflow }: Setup, name: string, changes: Changes = {}, model = PICK): Map<string, Buffer> {
  const [of = '', version = ''] = name.split('/');
  const root = tempDir();
  writeTensorModel(root, of, model, version);
  const files = new Map(
    readdirSync(join(root, of, version)).map((path) => [path, readFileSync(join(root, of, version, path))]),
  );
  const golden = {
    tolerance: 0.1,
    samples: [{ file: 'golden/a.json', sha256: sha256(GOLDEN), ...(model.image && TOP) }],
  };
  const manifest = Buffer.from(JSON.stringify({ ...manifestOf(of, model), version, golden, ...changes }));
  files.set('manifest.yaml', manifest).set('golden/a.json', GOLDEN);
  mlflow.versions.set(name, { files, tags: new Map([[TAG.manifest, sha256(manifest)]]) });
  return files;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describeRepository('MLflow behind an empty folder', async () => {
  const setup = await setUp();
  return {
    repository: setup.start(),
    publish: async (model, version, description) => {
      register(setup, `${model}/${version}`, { description });
    },
    publishHalf: async (model, version) => {
      register(setup, `${model}/${version}`);
      setup.mlflow.versions.get(`${model}/${version}`)?.tags.delete(TAG.manifest);
    },
    remove: async (model, version) => void setup.mlflow.versions.delete(`${model}/${version}`),
  };
});

describeRepository('a folder in front of MLflow', async () => {
  const { models, start } = await setUp();
  const publish = (model: string, version: string, description = '') => {
    writeTensorModel(models, model, PICK, version);
    const manifest = { ...manifestOf(model, PICK), version, description };
    writeFileSync(join(models, model, version, 'manifest.yaml'), JSON.stringify(manifest));
  };
  const folderOf = (model: string, version: string) => join(models, model, version);
  return {
    repository: start(),
    publish: async (model, version, description) => publish(model, version, description),
    publishHalf: async (model, version) => void mkdirSync(folderOf(model, version), { recursive: true }),
    remove: async (model, version) => {
      const { rm } = await import('node:fs/promises');
      await rm(folderOf(model, version), { recursive: true });
    },
  };
});

let setup: Setup;
let repository: ModelRepository;
const open = (name = 'a/1', from = repository, signal = never) => {
  const [model = '', version = ''] = name.split('/');
  return from.open(model, version, signal);
};
const cached = () => (existsSync(setup.cacheDir) ? readdirSync(setup.cacheDir) : []);
const downloads = () => setup.mlflow.asked.filter((path) => path.startsWith('/get-artifact')).length;

beforeEach(async () => {
  setup = await setUp();
  repository = setup.start();
});

describe('a registered version', () => {
  it('is downloaded whole, with its golden samples and labels', async () => {
    register(
      setup,
      'a/1',
      { image: { ...COLOURS.image, labels_sha256: sha256(Buffer.from('["0","1","2"]')) } },
      COLOURS,
    );
    const { directory, labels } = await open();
    expect(labels).toEqual(['0', '1', '2']);
    expect(readdirSync(directory).sort()).toEqual(['golden', 'labels.json', 'manifest.yaml', 'model.onnx']);
    expect(readFileSync(join(directory, 'golden/a.json'))).toEqual(GOLDEN);
  });

  it('is downloaded once, however many ask for it, and not again after a start', async () => {
    register(setup, 'a/1');
    await Promise.all([open(), open(), open()]);
    await open('a/1', setup.start());
    expect(downloads()).toBe(3);
  });

  it('is served from the cache while MLflow is away, also after a start', async () => {
    register(setup, 'a/1');
    const opened = await open();
    setup.mlflow.stop();
    const restarted = setup.start();
    expect((await open('a/1', restarted)).directory).toBe(opened.directory);
    expect(await restarted.isCurrent(opened)).toBe(true);
    expect(await restarted.list()).toEqual([{ model: 'a', version: '1' }]);
    await expect(open('a/2', restarted)).rejects.toMatchObject({ kind: 'missing' });
  });

  it('is served from the cache when somebody deletes it in MLflow', async () => {
    register(setup, 'a/1');
    const opened = await open();
    setup.mlflow.versions.clear();
    expect((await open()).directory).toBe(opened.directory);
  });

  it('never stands in for a version of the models folder', async () => {
    register(setup, 'a/1', { description: 'registered' });
    writeTensorModel(setup.models, 'a', PICK);
    expect((await open()).manifest.description).toBe('');
    expect(setup.mlflow.asked).toEqual([]);
  });

  it('is not asked for a file before its registration is complete', async () => {
    register(setup, 'a/1');
    const tags = setup.mlflow.versions.get('a/1')?.tags;
    for (const sha256 of [undefined, '', '../escaped']) {
      if (sha256 === undefined) tags?.delete(TAG.manifest);
      else tags?.set(TAG.manifest, sha256);
      await expect(open()).rejects.toMatchObject({ kind: 'missing' });
    }
    expect(downloads()).toBe(0);
  });

  it('stands in a list once, with those of the folder and of the cache', async () => {
    for (const name of ['a/10', 'a/9', 'b/1']) register(setup, name);
    await open('b/1');
    setup.mlflow.versions.delete('b/1');
    writeTensorModel(setup.models, 'a', PICK, '9');
    writeTensorModel(setup.models, 'a', PICK, '2');
    const names = (await repository.list()).map(({ model, version }) => `${model}/${version}`);
    expect(names).toEqual(['a/2', 'a/9', 'a/10', 'b/1']);
  });

  it('needs its signature where signatures are required', async () => {
    register(setup, 'a/1');
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const strict = setup.start({ requireSignature: true, publicKeys: [publicKey] });
    await expect(open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    const files = setup.mlflow.versions.get('a/1')?.files;
    files?.set('manifest.yaml.sig', Buffer.from('no signature'));
    await expect(open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    expect(cached()).toEqual([]);
    const signature = sign(null, files?.get('manifest.yaml') as Buffer, privateKey);
    files?.set('manifest.yaml.sig', Buffer.from(signature.toString('base64')));
    await open('a/1', strict);
  });
});

describe('a poisoned artifact', () => {
  it.each(['manifest.yaml', 'model.onnx', 'golden/a.json'])(
    'is refused and leaves nothing: %s; the corrected one is served',
    async (path) => {
      const files = register(setup, 'a/1');
      const good = files.get(path) as Buffer;
      for (const bad of [Buffer.concat([good, Buffer.from(' ')]), Buffer.alloc(good.byteLength), undefined]) {
        if (bad) files.set(path, bad);
        else files.delete(path);
        await expect(open()).rejects.toMatchObject({ name: 'LoadError', kind: 'digest' });
        expect(cached()).toEqual([]);
      }
      files.set(path, good);
      await open();
    },
  );

  it('of a version that is registered again takes the place of no cached one', async () => {
    register(setup, 'a/1', { description: 'old' });
    const old = await open();
    const files = register(setup, 'a/1', { description: 'new' });
    const model = files.get('model.onnx') as Buffer;
    files.set('model.onnx', Buffer.from('poison'));
    await expect(open()).rejects.toMatchObject({ kind: 'digest' });
    expect(readFileSync(join(old.directory, 'model.onnx'))).toEqual(model);
  });
});

describe('a manifest in MLflow', () => {
  it.each(['../escaped', '/tmp/headgate-escaped', 'x/../../escaped', '..'])(
    'leads no file out of the folder of its version: %s',
    async (file) => {
      const files = register(setup, 'a/1', {
        golden: { tolerance: 0.1, samples: [{ file, sha256: sha256(GOLDEN) }] },
      });
      files.set(file, GOLDEN);
      await expect(open()).rejects.toMatchObject({ kind: 'manifest' });
      expect(cached()).toEqual([]);
      expect(readdirSync(dirname(setup.cacheDir))).toEqual(['cache']);
    },
  );

  it('must be of the version that was asked for', async () => {
    register(setup, 'b/1');
    setup.mlflow.versions.set('a/1', setup.mlflow.versions.get('b/1') as never);
    await expect(open()).rejects.toMatchObject({ kind: 'manifest' });
  });

  it('may list a file twice', async () => {
    const sample = { file: 'golden/a.json', sha256: sha256(GOLDEN) };
    register(setup, 'a/1', { golden: { tolerance: 0.1, samples: [sample, sample] } });
    await open();
  });

  it.each(['golden/a.json', 'manifest.yaml', 'manifest.yaml.sig', 'golden', 'model.onnx/b'])(
    'must not list two files as one, or a file as a folder: %s',
    async (file) => {
      const samples = [
        { file: 'golden/a.json', sha256: sha256(GOLDEN) },
        { file, sha256: '0'.repeat(64) },
      ];
      register(setup, 'a/1', { golden: { tolerance: 0.1, samples } });
      await expect(open()).rejects.toMatchObject({ name: 'LoadError', kind: 'manifest' });
    },
  );

  it('must hold the digest of the labels', async () => {
    register(setup, 'a/1', {}, COLOURS);
    await expect(open()).rejects.toThrow('image.labels_sha256');
  });

  it('that asks for more than the disk holds is refused before the model is downloaded', async () => {
    const { file } = manifestOf('a', PICK);
    register(setup, 'a/1', { file: { ...file, bytes: 2 ** 40 } });
    await expect(open()).rejects.toThrow('registry.cache_dir has no room');
    expect(downloads()).toBe(1);
    expect(cached()).toEqual([]);
  });
});

describe('a download', () => {
  it('that is cut leaves nothing, and the next one is whole', async () => {
    register(setup, 'a/1');
    setup.mlflow.intercept = (path, response) => {
      if (!path.includes('model.onnx')) return false;
      response.writeHead(200, { 'content-length': 1000 }).write('half', () => response.destroy());
      return true;
    };
    await expect(open()).rejects.toMatchObject({ name: 'LoadError', kind: 'missing' });
    expect(cached()).toEqual([]);
    setup.mlflow.intercept = () => false;
    await open();
  });

  it('ends when the version is no longer wanted', async () => {
    register(setup, 'a/1');
    const stop = new AbortController();
    const reason = new Error('not wanted any more');
    setup.mlflow.intercept = (path) => {
      if (!path.includes('model.onnx')) return false;
      stop.abort(reason);
      return true;
    };
    await expect(open('a/1', repository, stop.signal)).rejects.toBe(reason);
    expect(cached()).toEqual([]);
  });

  it('is refused by an answer that is none of MLflow', async () => {
    register(setup, 'a/1');
    setup.mlflow.intercept = (_, response) => answerText(response, 200, '<html>');
    await expect(open()).rejects.toMatchObject({ kind: 'missing' });
    expect(await repository.list()).toEqual([]);
  });

  it('of a staged version does not hold up a version that units need, nor does it lose its files', async () => {
    for (const name of ['a/1', 'a/2', 'a/3']) register(setup, name);
    setup.staged = '2';
    const held = Promise.withResolvers<ServerResponse>();
    setup.mlflow.intercept = (path, response) => {
      const isHeld = path.includes('model.onnx') && path.includes('a%2F2');
      if (isHeld) held.resolve(response);
      return isHeld;
    };
    const staged = open('a/2');
    const response = await held.promise;
    await open('a/1');
    setup.mlflow.intercept = () => false;
    response.end(setup.mlflow.versions.get('a/2')?.files.get('model.onnx'));
    await Promise.all([staged, open('a/3')]);
    expect(downloads()).toBe(9);
  });

  it('removes what a process left that has ended, and nothing else', async () => {
    register(setup, 'a/1');
    for (const name of ['.partial-abc', 'notes']) {
      writeText(join(setup.cacheDir, name, 'model.onnx'), 'half');
    }
    await open();
    expect(cached().filter((name) => name.length < 64)).toEqual(['notes']);
  });
});

describe('the cache', () => {
  it('keeps served versions, and of each model the three others that were opened last', async () => {
    setup.served = [{ model: 'a', version: '1' }];
    for (const name of ['a/1', 'b/1', 'a/2', 'a/3', 'a/4', 'a/5', 'a/6']) {
      register(setup, name);
      const { directory } = await open(name);
      const [, minute] = name.split('/').map(Number);
      utimesSync(join(directory, '../..'), 0, 60 * (minute ?? 0));
    }
    setup.mlflow.stop();
    const names = (await setup.start().list()).map(({ model, version }) => `${model}/${version}`);
    expect(names).toEqual(['a/1', 'a/4', 'a/5', 'a/6', 'b/1']);
  });

  it.each([
    ['changed', (path: string) => writeFileSync(path, `${readFileSync(path, 'utf8')} `)],
    ['empty', (path: string) => writeFileSync(path, '')],
    ['removed', (path: string) => rmSync(path)],
  ])('downloads a version again whose manifest is %s', async (_, damage) => {
    register(setup, 'a/1', { description: 'good' });
    const { directory } = await open();
    damage(join(directory, 'manifest.yaml'));
    expect((await open()).manifest.description).toBe('good');
    expect(cached()).toHaveLength(1);
  });

  it('offers no damaged version while MLflow is away', async () => {
    register(setup, 'a/1');
    const { directory } = await open();
    const path = join(directory, 'manifest.yaml');
    writeFileSync(path, `${readFileSync(path, 'utf8')} `);
    setup.mlflow.stop();
    await expect(open()).rejects.toMatchObject({ kind: 'digest' });
    expect(cached()).toEqual([]);
  });

  it.each(['model.onnx', 'golden/a.json'])(
    'downloads a version again whose file an engine refused: %s',
    async (path) => {
      const good = register(setup, 'a/1').get(path);
      const opened = await open();
      writeFileSync(join(opened.directory, path), 'damaged');
      await repository.refused(opened);
      expect(await repository.isCurrent(opened)).toBe(false);
      expect(readFileSync(join((await open()).directory, path))).toEqual(good);
    },
  );

  it('keeps a version that an engine refused as it was registered', async () => {
    register(setup, 'a/1');
    const opened = await open();
    await repository.refused(opened);
    expect(await repository.isCurrent(opened)).toBe(true);
  });
});

describe('a cached version, where its signature is not trusted', () => {
  it('is downloaded again with the one that MLflow has by now', async () => {
    const files = register(setup, 'a/1');
    await open();
    for (const { privateKey, publicKey } of [
      generateKeyPairSync('ed25519'),
      generateKeyPairSync('ed25519'),
    ]) {
      const signature = sign(null, files.get('manifest.yaml') as Buffer, privateKey);
      files.set('manifest.yaml.sig', Buffer.from(signature.toString('base64')));
      await open('a/1', setup.start({ requireSignature: true, publicKeys: [publicKey] }));
    }
  });

  it('stays in the cache while MLflow is away', async () => {
    register(setup, 'a/1');
    await open();
    setup.mlflow.stop();
    const { publicKey } = generateKeyPairSync('ed25519');
    const strict = setup.start({ requireSignature: true, publicKeys: [publicKey] });
    await expect(open('a/1', strict)).rejects.toMatchObject({ kind: 'signature' });
    await open();
  });
});
