import { createHash } from 'node:crypto';
import { appendFileSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '@headgate/contracts/manifest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  imageRequest,
  type RunningInference,
  reasonOf,
  runInference,
  SEVEN,
} from './testing/running-inference.ts';
import { AFFINE, PICK, type TensorModel, TRANSPOSE, UNKNOWN_OPERATOR } from './testing/tensor-models.ts';

/** How a model is broken, what it says about itself in the index, and the reason class of the metric. */
interface Breakage {
  readonly name: string;
  readonly model: TensorModel;
  readonly spoil: (folder: string) => void;
  readonly says: RegExp;
  readonly kind: string;
}

/** Changes the manifest; what it says about its own files stays true. */
const claim = (change: (manifest: Manifest) => object) => (folder: string) => {
  const path = join(folder, 'manifest.yaml');
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  writeFileSync(path, JSON.stringify({ ...manifest, ...change(manifest) }));
};
/** Changes the model file, and makes the manifest agree. */
const model = (change: (path: string) => void) => (folder: string) => {
  const path = join(folder, 'model.onnx');
  change(path);
  const bytes = readFileSync(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  claim(({ file }) => ({ file: { ...file, sha256, bytes: bytes.byteLength } }))(folder);
};
const none = () => {};
const input = (change: object) =>
  claim(({ inputs }) => ({ inputs: [{ ...inputs[0], ...change }, ...inputs.slice(1)] }));

const BREAKAGES: readonly Breakage[] = [
  {
    name: 'cut-short',
    model: AFFINE,
    spoil: (folder) => truncateSync(join(folder, 'model.onnx'), 100),
    says: /^model\.onnx has 100 bytes, but the manifest says \d+/,
    kind: 'digest',
  },
  {
    name: 'wrong-digest',
    model: AFFINE,
    spoil: claim(({ file }) => ({ file: { ...file, sha256: 'a'.repeat(64) } })),
    says: /^model\.onnx has SHA-256 [0-9a-f]{64}, but the manifest says a{64}/,
    kind: 'digest',
  },
  {
    name: 'no-model',
    model: AFFINE,
    spoil: (folder) => rmSync(join(folder, 'model.onnx')),
    says: /^model\.onnx: it cannot be read, but the manifest lists it/,
    kind: 'digest',
  },
  {
    name: 'corrupt-to-the-end',
    model: AFFINE,
    spoil: model((path) => truncateSync(path, 100)),
    says: /^model\.onnx is not a readable ONNX file/,
    kind: 'model',
  },
  {
    name: 'no-onnx',
    model: AFFINE,
    spoil: model((path) => writeFileSync(path, 'this is no model')),
    says: /^model\.onnx is not a readable ONNX file/,
    kind: 'model',
  },
  {
    name: 'empty-graph',
    model: AFFINE,
    spoil: model((path) => writeFileSync(path, Buffer.of(8, 8))),
    says: /^No graph was found in the protobuf\.$/,
    kind: 'model',
  },
  { name: 'unknown-operator', model: UNKNOWN_OPERATOR, spoil: none, says: /Clairvoyance/, kind: 'model' },
  {
    name: 'wrong-datatype',
    model: AFFINE,
    spoil: input({ datatype: 'FP64' }),
    says: /inputs x: the model has the type float32, not float64/,
    kind: 'model',
  },
  {
    name: 'wrong-shape',
    model: AFFINE,
    spoil: input({ shape: [-1, 4] }),
    says: /inputs x: the model has the shape \[-1,3\], not \[-1,4\]/,
    kind: 'model',
  },
  {
    name: 'wrong-name',
    model: AFFINE,
    spoil: input({ name: 'z' }),
    says: /the manifest must name the inputs ids, x, each once/,
    kind: 'model',
  },
  {
    name: 'missing-output',
    model: AFFINE,
    spoil: claim(({ outputs }) => ({ outputs: outputs.slice(1) })),
    says: /the manifest must name the outputs next, scaled, sum, each once/,
    kind: 'model',
  },
  {
    name: 'absurd-batch',
    model: AFFINE,
    spoil: claim(({ batching }) => ({ batching: { ...batching, max_batch_size: 1e9 } })),
    says: /manifest\.yaml: line 1, column \d+: batching\.max_batch_size/,
    kind: 'manifest',
  },
  {
    name: 'absurd-shape',
    model: PICK,
    spoil: input({ shape: [-1, 2 ** 30, 2 ** 30] }),
    says: /inputs: a batch of index would need [\d.e+]+ bytes; lower its shape or batching\.max_batch_size/,
    kind: 'manifest',
  },
  {
    name: 'absurd-side',
    model: PICK,
    spoil: input({ shape: [-1, 1e300] }),
    says: /manifest\.yaml: line 1, column \d+: inputs\.0\.shape\.1/,
    kind: 'manifest',
  },
  {
    name: 'absurd-file',
    model: PICK,
    spoil: claim(({ file }) => ({ file: { ...file, bytes: 1e18 } })),
    says: /manifest\.yaml: line 1, column \d+: file\.bytes/,
    kind: 'manifest',
  },
  {
    name: 'no-batch-dimension',
    model: TRANSPOSE,
    spoil: claim(({ batching }) => ({ batching: { ...batching, max_batch_size: 8 } })),
    says: /x: dim 0 must be -1, the batch/,
    kind: 'manifest',
  },
  {
    name: 'path-outside',
    model: PICK,
    spoil: claim(({ file }) => ({ file: { ...file, path: '../../../samples/digit-7.png' } })),
    says: /no path of a file in the folder of the version/,
    kind: 'manifest',
  },
  {
    name: 'other-name',
    model: PICK,
    spoil: claim(() => ({ name: 'digits' })),
    says: /it describes digits\/1, but lies in the folder of other-name\/1/,
    kind: 'manifest',
  },
  {
    name: 'no-manifest',
    model: PICK,
    spoil: (folder) => rmSync(join(folder, 'manifest.yaml')),
    says: /manifest\.yaml: it cannot be read/,
    kind: 'manifest',
  },
  {
    name: 'yaml-bomb',
    model: PICK,
    spoil: (folder) => writeFileSync(join(folder, 'manifest.yaml'), bomb()),
    says: /manifest\.yaml: (line \d+: not valid YAML|too many aliases)/,
    kind: 'manifest',
  },
  {
    name: 'huge-manifest',
    model: PICK,
    spoil: (folder) => appendFileSync(join(folder, 'manifest.yaml'), ' '.repeat(2 ** 16)),
    says: /manifest\.yaml: larger than 65536 bytes/,
    kind: 'manifest',
  },
  {
    name: 'golden-of-images',
    model: PICK,
    spoil: claim(() => ({
      golden: {
        tolerance: 0.1,
        samples: [{ file: 'a.png', sha256: 'a'.repeat(64), top: [{ class_id: 1, score: 1 }] }],
      },
    })),
    says: /golden\.samples\.0\.top: only an "image-classifier" has classes/,
    kind: 'manifest',
  },
];

/** Nine levels of nine references each. */
function bomb(): string {
  const levels = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
  return levels
    .map(
      (name, i) =>
        `${name}: &${name} [${Array(9)
          .fill(i === 0 ? 'x' : `*${levels[i - 1]}`)
          .join(', ')}]`,
    )
    .join('\n');
}

describe('inference with a repository full of broken models', () => {
  let running: RunningInference;
  let reasons: ReadonlyMap<string, string>;

  beforeAll(async () => {
    const times = { restartMinMs: 30_000, restartMaxMs: 30_000 };
    running = await runInference(
      ['1'],
      {},
      ({ dir, addTensorModel }) => {
        for (const { name, model, spoil } of BREAKAGES) {
          addTensorModel(name, model);
          spoil(join(dir, 'models', name, '1'));
        }
        addTensorModel('fine', AFFINE);
      },
      times,
    );
    await running.started();
    reasons = await indexOf(running);
  }, 120_000);
  afterAll(() => running.stop());

  it.each(BREAKAGES)('says what is wrong with $name', async ({ name, says, kind }) => {
    const reason = reasons.get(name) ?? '';
    expect(reason).toMatch(says);
    expect(reason).not.toContain(running.dir);
    expect(reason).not.toMatch(/onnxruntime_src|::/);
    const { text } = await running.get('/metrics');
    expect(text).toContain(
      `headgate_model_load_failures_total{model="${name}",version="1",reason="${kind}"} 1`,
    );
  });

  it('serves all others, and answers for the broken ones that they are not available', async () => {
    expect(await reasonOf(running.infer(imageRequest([SEVEN])))).toBe('ok');
    expect(reasons.get('fine')).toBe('');
    expect(await reasonOf(running.infer({ model_name: 'cut-short' }))).toBe('unavailable');
  });

  it('has no engine left of those that failed', async () => {
    const { text } = await running.get('/metrics');
    const ready = [...text.matchAll(/^headgate_engine_ready\{model="([^"]+)".*\} (\d+)$/gm)];
    expect(ready.filter(([, , count]) => count !== '0').map(([, name]) => name)).toEqual(['digits', 'fine']);
  });
});

/** The reason of each model in the repository index. */
async function indexOf({ client }: RunningInference): Promise<ReadonlyMap<string, string>> {
  const models = await new Promise<readonly { name: string; reason: string }[]>((resolve, reject) =>
    client.repositoryIndex({}, (error, answer) => (answer ? resolve(answer.models) : reject(error))),
  );
  return new Map(models.map(({ name, reason }) => [name, reason]));
}
