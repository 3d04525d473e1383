import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { TAG } from '@headgate/contracts/registry';
import { createLogger } from '@headgate/runtime/logger';
import { type ModelRegistry, openRegistry } from '@headgate/runtime/registry/mlflow';
import { noResilienceReport } from '@headgate/runtime/resilience/report';
import { fakeMlflow } from '@headgate/runtime/testing/fake-mlflow';
import { tempDir } from '@headgate/testkit/folders';
import { folderRepository } from '../models/folder-repository.ts';
import { RegistryRepository } from '../models/registry-repository.ts';
import type { ModelRepository, VersionName } from '../models/repository.ts';
import { TRUST_ALL, type Trust } from '../models/trust.ts';
import { VersionCache } from '../models/version-cache.ts';
import { manifestOf, PICK, writeTensorModel } from './tensor-models.ts';

/** Content of `golden/a.json` of each version. */
export const GOLDEN = Buffer.from('a picture');
const TOP = { top: [{ class_id: 0, score: 1 }] };
const { signal: never } = new AbortController();

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export type RegistryBench = Awaited<ReturnType<typeof registryBench>>;

/** A models folder, a cache and an MLflow that a test fills. */
export async function registryBench() {
  const mlflow = await fakeMlflow();
  const root = tempDir();
  const models = join(root, 'models');
  const cacheDir = join(root, 'cache');
  const state = { served: [] as VersionName[], staged: '' };

  /** As after a start of the process: nothing is remembered but what is on the disk. */
  const start = (trust: Trust = TRUST_ALL): ModelRepository => {
    const config = { url: mlflow.url, token_file: '', cache_dir: '', poll_ms: 1, timeout_ms: 5000 };
    return new RegistryRepository({
      folder: folderRepository(models, trust),
      cache: new VersionCache(cacheDir, trust),
      registry: openRegistry({ registry: config }, { root, report: noResilienceReport }) as ModelRegistry,
      trust,
      served: () => state.served,
      isStaged: ({ version }) => version === state.staged,
      log: createLogger({ service: 'test', level: 'info', destination: { write() {} } }),
    });
  };
  const repository = start();
  return Object.assign(state, {
    mlflow,
    models,
    cacheDir,
    start,
    repository,
    open(name = 'a/1', from = repository, signal = never) {
      const [model = '', version = ''] = name.split('/');
      return from.open(model, version, signal);
    },
    /** Registers a version as pipelines do. @param changes to its manifest */
    register(
      name: string,
      changes: Readonly<Record<string, unknown>> = {},
      model = PICK,
    ): Map<string, Buffer> {
      const { files, manifest } = filesOf(name, changes, model);
      mlflow.versions.set(name, { files, tags: new Map([[TAG.manifest, sha256(manifest)]]) });
      return files;
    },
    cached: () => (existsSync(cacheDir) ? readdirSync(cacheDir) : []),
    downloads: () => mlflow.asked.filter((path) => path.startsWith('/get-artifact')).length,
  });
}

function filesOf(name: string, changes: object, model: typeof PICK) {
  const [of = '', version = ''] = name.split('/');
  const root = tempDir();
  writeTensorModel(root, of, model, version);
  const directory = join(root, of, version);
  const files = new Map<string, Buffer>(
    readdirSync(directory).map((path) => [path, readFileSync(join(directory, path))]),
  );
  const sample = { file: 'golden/a.json', sha256: sha256(GOLDEN), ...(model.image && TOP) };
  const golden = { tolerance: 0.1, samples: [sample] };
  const manifest = Buffer.from(JSON.stringify({ ...manifestOf(of, model), version, golden, ...changes }));
  return { manifest, files: files.set('manifest.yaml', manifest).set('golden/a.json', GOLDEN) };
}
