import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { batchingSchema, type Manifest } from '@headgate/contracts/manifest';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { engineOf, loadOnce } from '../testing/load-once.ts';
import { ELEMENT, encodeModel } from '../testing/onnx-writer.ts';
import { bytesField } from '../testing/protobuf.ts';
import { readVerified } from './version-files.ts';

const WEIGHTS = Buffer.from(Float32Array.of(1, 2, 3, 4).buffer);

let root: string;
let directory: string;
beforeEach(() => {
  root = tempDir();
  directory = join(root, 'm/1');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(root, 'secret'), WEIGHTS);
  writeFileSync(join(directory, 'weights.bin'), WEIGHTS);
});

const shape = [4];
const x = { name: 'x', element: ELEMENT.FP32, shape };

/** A model y = x + w whose w lies at `location`. */
function modelAt(location: string, { offset = 0, bytes = WEIGHTS.byteLength } = {}): Buffer {
  return encodeModel({
    nodes: [{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    constants: [{ name: 'w', element: ELEMENT.FP32, shape, location, offset, bytes }],
  });
}

function fileOf(path: string) {
  const bytes = readFileSync(join(directory, path));
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength };
}

/** The version with the given model, whose manifest lists `listed` as external data. */
function version(model: Buffer, listed: readonly string[]) {
  writeFileSync(join(directory, 'model.onnx'), model);
  const manifest: Manifest = {
    schema: 1,
    name: 'm',
    version: '1',
    kind: 'tensor',
    description: '',
    licence: 'none',
    file: { ...fileOf('model.onnx'), external_data: listed.map(fileOf) },
    inputs: [{ name: 'x', datatype: 'FP32', shape }],
    outputs: [{ name: 'y', datatype: 'FP32', shape }],
    batching: batchingSchema.parse({ max_batch_size: 1 }),
    golden: { tolerance: 0.001, samples: [] },
    provenance: { source: 'test', converter: 'test' },
  };
  return { directory, manifest };
}

describe('external data of a model', () => {
  it.each(['weights.bin', './weights.bin', 'sub/weights.bin'])(
    'is loaded from %s when the manifest lists it, and no copy of it stays behind',
    async (location) => {
      mkdirSync(join(directory, 'sub'));
      writeFileSync(join(directory, 'sub/weights.bin'), WEIGHTS);
      const listed = location.replace('./', '');
      await expect(loadOnce(version(modelAt(location), [listed]))).resolves.toMatchObject({
        provider: 'cpu',
      });
      expect(copies()).toEqual([]);
    },
  );

  it('is copied once for the engines of a version, which serve on when the file is gone', async () => {
    const opened = version(modelAt('weights.bin'), ['weights.bin']);
    const first = await engineOf(opened);
    rmSync(join(directory, 'weights.bin'));
    const second = await engineOf(opened);
    expect(copies()).toHaveLength(1);
    first.kill();
    await first.ended;
    expect(copies()).toHaveLength(1);
    second.kill();
    await second.ended;
    expect(copies()).toEqual([]);
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin: it cannot be read/);
  });

  it.each([
    ['above the folder', '../../secret'],
    ['by a detour', 'sub/../../../secret'],
    ['by an absolute path', '/etc/hostname'],
    ['in memory, as the runtime marks it', '*/_ORT_MEM_ADDR_/*'],
    ['that is there, but not listed', 'weights.bin'],
    ['in capitals', 'WEIGHTS.BIN'],
    ['with no name', ''],
    ['with the name of a listed file and a zero', 'weights.bin\0'],
  ])('is refused before the runtime sees it: %s', async (_, location) => {
    const loading = loadOnce(version(modelAt(location), []));
    await expect(loading).rejects.toMatchObject({ kind: 'digest' });
    await expect(loading).rejects.toThrow(/refers to the file .* which file\.external_data does not list/);
  });

  it.each([
    ['begins behind the end', { offset: 16 }],
    ['ends behind the end', { offset: 4 }],
    ['begins before the begin', { offset: -4 }],
  ])('is refused when it %s of its file', async (_, place) => {
    const opened = version(modelAt('weights.bin', place), ['weights.bin']);
    await expect(loadOnce(opened)).rejects.toThrow('bytes that weights.bin does not have');
  });

  it.each([
    ['the file', 'link.bin', '../../secret'],
    ['its folder', 'link/weights.bin', '.'],
  ])('is refused where %s is a link', async (_, path, target) => {
    symlinkSync(target, join(directory, path.split('/')[0] as string));
    const loading = loadOnce(version(modelAt(path), [path]));
    await expect(loading).rejects.toMatchObject({ kind: 'digest' });
  });

  it('is refused when it was altered, cut short, grew without limit or is missing', async () => {
    const opened = version(modelAt('weights.bin'), ['weights.bin']);
    const path = join(directory, 'weights.bin');
    writeFileSync(path, Buffer.from(Float32Array.of(1, 2, 3, 5).buffer));
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin has SHA-256/);
    truncateSync(path, 2 ** 40);
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin has 1099511627776 bytes, but .* says 16/);
    writeFileSync(path, WEIGHTS.subarray(4));
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin has 12 bytes, but the manifest says 16/);
    rmSync(path);
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin: it cannot be read/);
    expect(copies()).toEqual([]);
  });

  it('is refused for the same reason where the model is too large for the thread that reads messages', async () => {
    const padding = bytesField(9999, Buffer.alloc(2 ** 21));
    const large = Buffer.concat([modelAt('weights.bin'), padding]);
    const opened = version(large, ['weights.bin']);
    await expect(loadOnce(opened)).resolves.toMatchObject({ provider: 'cpu' });
    writeFileSync(join(directory, 'weights.bin'), Buffer.alloc(WEIGHTS.byteLength));
    await expect(loadOnce(opened)).rejects.toMatchObject({ kind: 'digest' });
  });

  it('is read only on a machine that has the memory for the model', async () => {
    const { manifest } = version(modelAt('weights.bin'), ['weights.bin']);
    const memory = vi.spyOn(process, 'availableMemory').mockReturnValue(manifest.file.bytes);
    onTestFinished(() => memory.mockRestore());
    await expect(readVerified(directory, manifest.file)).rejects.toThrow(
      /model\.onnx needs \d+ bytes of memory/,
    );
  });

  it('is refused before it is copied where the disk has no room', async () => {
    const opened = version(modelAt('weights.bin'), ['weights.bin']);
    truncateSync(join(directory, 'weights.bin'), 2 ** 40);
    const [file] = opened.manifest.file.external_data;
    Object.assign(file as object, { bytes: 2 ** 40 });
    await expect(loadOnce(opened)).rejects.toThrow(/has no room for a copy of weights\.bin/);
  });
});

/** Folders with a copy of these weights. */
function copies(): string[] {
  return readdirSync(tmpdir())
    .filter((name) => name.startsWith('headgate-weights-'))
    .filter((name) => existsSync(join(tmpdir(), name, 'weights.bin')));
}
