import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';
import {
  AFFINE,
  ECHO_ALL,
  echoOf,
  manifestOf,
  PICK,
  SLOW_ECHO,
  type TensorModel,
  TRANSPOSE,
  writeTensorModel,
} from '../../../inference/src/testing/tensor-models.ts';

/**
 * Queue delay of a lone request to `patient`, in ms; its run takes some hundred more. Callers have time to cancel, and a
 * deadline of a few milliseconds always passes first.
 */
const PATIENCE_MS = 1000;

/** Served from the start. */
const SERVED: Readonly<Record<string, TensorModel>> = {
  affine: AFFINE,
  'echo-all': ECHO_ALL,
  'echo-text': echoOf('BYTES'),
  patient: SLOW_ECHO,
  transpose: TRANSPOSE,
};

/** In the repository, loaded on request only. */
const UNLOADED: Readonly<Record<string, TensorModel>> = { pick: PICK };

/** Where a stack finds the models of these tests. */
export interface TestModels {
  readonly modelsDir: string;
  readonly routingFile: string;
}

/** Writes a model repository and its routing table into `dir`. */
export function writeModels(dir: string): TestModels {
  const modelsDir = join(dir, 'models');
  mkdirSync(modelsDir, { recursive: true });
  cpSync(join(ROOT, 'models/digits'), join(modelsDir, 'digits'), { recursive: true });
  for (const [name, model] of Object.entries({ ...SERVED, ...UNLOADED }))
    writeTensorModel(modelsDir, name, model);
  waitForCompany(modelsDir, 'patient');
  const routingFile = join(dir, 'routing.yaml');
  writeFileSync(routingFile, JSON.stringify(routingOf(['digits', ...Object.keys(SERVED)])));
  return { modelsDir, routingFile };
}

function waitForCompany(modelsDir: string, name: keyof typeof SERVED): void {
  const manifest = manifestOf(name, SERVED[name] as TensorModel);
  const batching = {
    ...manifest.batching,
    max_queue_delay_ms: PATIENCE_MS,
    max_queue_size: 16,
    priority_levels: 2,
    default_priority_level: 1,
    default_timeout_ms: 20_000,
  };
  writeFileSync(join(modelsDir, name, '1/manifest.yaml'), JSON.stringify({ ...manifest, batching }));
}

function routingOf(names: readonly string[]) {
  const variants = [{ name: 'control', version: '1', weight: 100 }];
  const models = names.map((name) => [name, { versions: ['1'], experiment: { name, salt: name, variants } }]);
  return { schema: 1, default_model: 'digits', models: Object.fromEntries(models) };
}
