import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import { type TensorModel, writeTensorModel } from './tensor-models.ts';

/** Root of an inference process under test: a model repository, its routing table, and the sample of the digits model. */
export interface ModelFolder {
  readonly dir: string;
  /** Replaces the routing table: these versions of the digits model, the first of which is the control. */
  route(versions: readonly string[]): void;
  /** Adds a version of the digits model; `damage` may spoil its files. */
  addVersion(version: string, damage?: (folder: string) => void): void;
  /** Adds version 1 of a tensor model, which every later routing table names. */
  addTensorModel(name: string, model: TensorModel): void;
  remove(): void;
}

/** Creates it with version 1 of the digits model and without a routing table. */
export function createModelFolder(): ModelFolder {
  const dir = mkdtempSync(join(tmpdir(), 'headgate-inference-'));
  const tensorModels: string[] = [];
  cpSync(join(ROOT, 'samples/digit-7.png'), join(dir, 'samples/digit-7.png'));
  const folder: ModelFolder = {
    dir,
    route: (versions) => writeFileSync(join(dir, 'routing.yaml'), routingOf(versions, tensorModels)),
    addVersion(version, damage) {
      const target = join(dir, 'models/digits', version);
      mkdirSync(target, { recursive: true });
      cpSync(join(ROOT, 'models/digits/1'), target, { recursive: true });
      const manifest = readFileSync(join(target, 'manifest.yaml'), 'utf8');
      writeFileSync(join(target, 'manifest.yaml'), manifest.replace('version: "1"', `version: "${version}"`));
      damage?.(target);
    },
    addTensorModel(name, model) {
      writeTensorModel(join(dir, 'models'), name, model);
      tensorModels.push(name);
    },
    remove: () => rmSync(dir, { recursive: true }),
  };
  folder.addVersion('1');
  return folder;
}

/** The digits model in the given versions, and version 1 of other models. */
function routingOf(versions: readonly string[], others: readonly string[]): string {
  const entry = (name: string, served: readonly string[]) => {
    const variants = [{ name: 'control', version: served[0], weight: 100 }];
    return [name, { versions: served, experiment: { name, salt: name, variants } }];
  };
  const models = [entry('digits', versions), ...others.map((name) => entry(name, ['1']))];
  return JSON.stringify({ schema: 1, default_model: 'digits', models: Object.fromEntries(models) });
}
