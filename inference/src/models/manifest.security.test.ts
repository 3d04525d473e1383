import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Manifest } from '@headgate/contracts/manifest';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import type { LoadError } from '../load-error.ts';
import { COLOURS, writeTensorModel } from '../testing/tensor-models.ts';
import { folderRepository } from './folder-repository.ts';

let root: string;
beforeEach(() => {
  root = tempDir();
  writeTensorModel(root, 'colours', COLOURS);
});

const fileOf = (name: string) => join(root, 'colours/1', name);
const open = () => folderRepository(root).open('colours', '1', new AbortController().signal);
const refusal = () => open().then(() => expect.unreachable(), (error: LoadError) => error); // biome-ignore format: one line reads best
/** Changes the manifest. */
const claim = (change: (manifest: Manifest) => object) => {
  const manifest = JSON.parse(readFileSync(fileOf('manifest.yaml'), 'utf8')) as Manifest;
  writeFileSync(fileOf('manifest.yaml'), JSON.stringify({ ...manifest, ...change(manifest) }));
};

describe('a path in a manifest', () => {
  const STRANGE = [
    '/etc/hostname',
    '../other',
    'a/../../b',
    './a',
    'a//b',
    'a/',
    'a\nlevel=error',
    'a\u001b[2J',
    'a\0b',
    'C:\\a',
    '*/_ORT_MEM_ADDR_/*',
  ];

  it.each(STRANGE)('is refused, and worded so that no log obeys it: %j', async (path) => {
    claim(({ file }) => ({ file: { ...file, path } }));
    const { kind, message } = await refusal();
    expect(kind).toBe('manifest');
    expect(message).toContain(`${JSON.stringify(path)} is no path of a file in the folder of the version`);
  });

  it.each(['labels', 'external data', 'golden sample'])('is checked where it names %s too', async (what) => {
    claim(({ file, image, golden }) => ({
      ...(what === 'labels' && { image: { ...image, labels: '../labels.json' } }),
      ...(what === 'external data' && {
        file: { ...file, external_data: [{ path: '../w', sha256: file.sha256, bytes: 1 }] },
      }),
      ...(what === 'golden sample' && {
        golden: { ...golden, samples: [{ file: '../a.png', sha256: 'a'.repeat(64) }] },
      }),
    }));
    expect((await refusal()).message).toContain('is no path of a file');
  });

  it('may have what exporters write', async () => {
    claim(({ file }) => ({ file: { ...file, path: 'sub/onnx::MatMul_12 (1).weight' } }));
    await open();
  });
});

describe('labels', () => {
  it.each([
    ['no JSON', '{', 'line 1, column 2: not valid YAML: a quote, a bracket or a colon is missing'],
    ['no list', '{"a": "b"}', 'expected a list of texts, such as ["cat", "dog"]'],
    ['an empty list', '[]', 'expected a list of texts, such as ["cat", "dog"]'],
    ['a list with a number', '["a", "b", 3]', 'label 2, counted from 0: expected text; put it in quotes'],
    [
      '100,000 numbers',
      JSON.stringify(Array(100_000).fill(1)),
      'label 0, counted from 0: expected text; put it in quotes',
    ],
    ['brackets only', '['.repeat(100_000), 'nested too deeply'],
  ])('are refused in a few words: %s', async (_, text, problem) => {
    writeFileSync(fileOf('labels.json'), text);
    const { kind, message } = await refusal();
    expect(kind).toBe('manifest');
    expect(message).toContain('labels.json: ');
    expect(message.endsWith(problem)).toBe(true);
  });

  it('have a bound', async () => {
    writeFileSync(fileOf('labels.json'), JSON.stringify(['a', 'b', 'x'.repeat(2 ** 20)]));
    expect((await refusal()).message).toMatch(/labels\.json: larger than 1048576 bytes$/);
  });
});

it('A manifest with a thousand mistakes is refused with the first twenty', async () => {
  claim(() => ({ inputs: Array(1000).fill(0) }));
  const { message } = await refusal();
  expect(message.split('; ')).toHaveLength(21);
  expect(message).toMatch(/980 more$/);
});
