import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Datatype } from '@headgate/contracts/manifest';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadOnce } from '../../../testing/load-once.ts';
import {
  AFFINE,
  echoOf,
  manifestOf,
  type TensorModel,
  writeTensorModel,
} from '../../../testing/tensor-models.ts';
import { blockOfValues, type JsonValue, valuesOfBlock } from './json.ts';

let root: string;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'headgate-golden-'));
});
afterAll(() => rmSync(root, { recursive: true }));

const tensor = (name: string, shape: number[], ...data: JsonValue[]) => ({ name, shape, data });

/** Loads a model whose only golden sample is `record`. */
function load(name: string, model: TensorModel, record: unknown, sha256?: string) {
  writeTensorModel(root, name, model);
  const directory = join(root, name, '1');
  const text = JSON.stringify(record);
  writeFileSync(join(directory, 'golden.json'), text);
  const digest = sha256 ?? createHash('sha256').update(text).digest('hex');
  const golden = { tolerance: 0.001, samples: [{ file: 'golden.json', sha256: digest }] };
  return loadOnce({ directory, manifest: { ...manifestOf(name, model), golden } });
}

const inputs = [tensor('x', [1, 3], 1, 2, 3000), tensor('ids', [1, 2], 5, '9007199254740993')];
const outputs = [
  tensor('scaled', [1, 3], 3, 5.0005, 6002),
  tensor('sum', [1], 3003),
  tensor('next', [1, 2], 6, '9007199254740994'),
];
const instead = (change: { name: string }) => outputs.map((one) => (one.name === change.name ? change : one));

describe('golden samples of a tensor model', () => {
  it('are compared: floats within the tolerance, relative beyond 1, everything else exactly', async () => {
    const { golden } = await load('affine', AFFINE, { inputs, outputs });
    expect(golden).toMatchObject({ compared: 1, skipped: [] });
    expect(golden.largestDifference).toBeCloseTo(1 / 6002, 7);
  });

  it.each([
    [
      'a float beyond the tolerance',
      tensor('scaled', [1, 3], 3, 5, 6010),
      /the output scaled differs by 0\.001/,
    ],
    [
      'a whole number that is off by one',
      tensor('next', [1, 2], 6, '9007199254740995'),
      /output next differs by Infinity/,
    ],
    ['another shape', tensor('scaled', [3, 1], 3, 5, 6001), /output scaled differs by Infinity/],
    [
      'values that do not fill their shape',
      tensor('sum', [2], 3003),
      /sum has 1 values, but its shape says 2/,
    ],
    ['a value of another type', tensor('next', [1, 2], 6, 0.5), /a value of next is no INT64/],
  ])('refuse the model for %s', async (_, change, message) => {
    const loading = load('affine', AFFINE, { inputs, outputs: instead(change) });
    await expect(loading).rejects.toMatchObject({ kind: 'golden' });
    await expect(loading).rejects.toThrow(message);
  });

  it('must be there, as they were recorded, and complete', async () => {
    await expect(load('affine', AFFINE, { inputs, outputs }, 'a'.repeat(64))).rejects.toThrow(
      /is missing, or is not/,
    );
    await expect(load('affine', AFFINE, [])).rejects.toThrow(/expected JSON with inputs and outputs/);
    await expect(load('affine', AFFINE, { inputs: [], outputs })).rejects.toThrow(/x is not recorded/);
  });

  it('compare text exactly', async () => {
    const record = (text: string) => ({
      inputs: [tensor('x', [1, 2], 'é', '')],
      outputs: [tensor('y', [1, 2], text, '')],
    });
    expect((await load('echo', echoOf('BYTES'), record('é'))).golden.compared).toBe(1);
    await expect(load('echo', echoOf('BYTES'), record('e'))).rejects.toThrow(/output y differs by Infinity/);
  });
});

describe('tensors in JSON', () => {
  it.each<[Datatype, JsonValue[], unknown[]]>([
    ['BOOL', [true, 0], [1n, 0n]],
    ['UINT8', [0, 255], [0n, 255n]],
    ['INT8', [-128, 127], [-128n, 127n]],
    ['UINT16', [65535], [65535n]],
    ['INT16', [-32768], [-32768n]],
    ['UINT32', [4294967295], [4294967295n]],
    ['INT32', [-2147483648], [-2147483648n]],
    ['UINT64', ['18446744073709551615'], [18446744073709551615n]],
    ['INT64', ['-9223372036854775808'], [-9223372036854775808n]],
    ['FP16', [0.5, -65504], [0.5, -65504]],
    ['FP32', [0.25, 1e-45], [0.25, 2 ** -149]],
    ['FP64', [0.1], [0.1]],
    ['BYTES', ['a', ''], ['a', '']],
  ])('keep their values as %s', (datatype, data, values) => {
    expect(valuesOfBlock({ shape: [data.length], block: blockOfValues(data, datatype) }, datatype)).toEqual(
      values,
    );
  });

  it('refuse what does not fit', () => {
    for (const [datatype, value] of [
      ['UINT8', 256],
      ['UINT8', -1],
      ['INT8', 128],
      ['INT32', 0.5],
      ['UINT64', 'x'],
    ] as const) {
      expect(() => blockOfValues([value], datatype)).toThrow();
    }
  });
});
