import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { batchingSchema, type Manifest } from '@headgate/contracts/manifest';
import { tempDir } from '@headgate/testkit/folders';
import { beforeEach, describe, expect, it } from 'vitest';
import { guardExternalData } from '../engine/child/guard.ts';
import { engineOf, loadOnce } from '../testing/load-once.ts';
import { ELEMENT, encodeModel } from '../testing/onnx-writer.ts';
import { externalLocations } from './onnx-files.ts';
import { sealFiles } from './seal.ts';

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
function modelAt(location: string): Buffer {
  return encodeModel({
    nodes: [{ operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] }],
    inputs: [x],
    outputs: [{ ...x, name: 'y' }],
    constants: [{ name: 'w', element: ELEMENT.FP32, shape, location, offset: 0, bytes: WEIGHTS.byteLength }],
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
  return { directory, manifest, labels: [], stamp: '' };
}

describe('external data of a model', () => {
  it.each(['weights.bin', './weights.bin'])(
    'is loaded from %s when the manifest lists it',
    async (location) => {
      await expect(loadOnce(version(modelAt(location), ['weights.bin']))).resolves.toMatchObject({
        provider: 'cpu',
      });
    },
  );

  it.each([
    ['above the folder', '../../secret'],
    ['by a detour', 'sub/../../../secret'],
    ['by an absolute path', '/etc/hostname'],
    ['in memory, as the runtime marks it', '*/_ORT_MEM_ADDR_/*'],
    ['that is there, but not listed', 'weights.bin'],
    ['with no name', ''],
  ])('is refused before the runtime sees it: %s', async (_, location) => {
    const loading = loadOnce(version(modelAt(location), []));
    await expect(loading).rejects.toMatchObject({ kind: 'digest' });
    await expect(loading).rejects.toThrow(/refers to the file .* which file\.external_data does not list/);
  });

  it('is refused when it is a listed link that leads out of the folder', async () => {
    symlinkSync('../../secret', join(directory, 'link.bin'));
    await expect(loadOnce(version(modelAt('link.bin'), ['link.bin']))).rejects.toMatchObject({
      kind: 'model',
    });
  });

  it('is refused when it was altered, cut short or is missing', async () => {
    const opened = version(modelAt('weights.bin'), ['weights.bin']);
    const path = join(directory, 'weights.bin');
    writeFileSync(path, Buffer.from(Float32Array.of(1, 2, 3, 5).buffer));
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin has SHA-256/);
    writeFileSync(path, WEIGHTS.subarray(4));
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin has 12 bytes, but the manifest says 16/);
    rmSync(path);
    await expect(loadOnce(opened)).rejects.toThrow(/weights\.bin cannot be read/);
  });

  it('is what was verified, also when other files take its names meanwhile', async () => {
    const { manifest } = version(modelAt('weights.bin'), ['weights.bin']);
    const guard = await guardExternalData({ directory, manifest });
    const path = join(directory, 'weights.bin');
    renameSync(path, join(directory, 'old.bin'));
    writeFileSync(path, 'something else');
    expect(await guard.changed()).toBeUndefined();
    appendFileSync(join(directory, 'old.bin'), 'x');
    expect(await guard.changed()).toBe('weights.bin');
    await guard.close();
  });

  it('ends the engine when somebody writes into it', async () => {
    const engine = await engineOf(version(modelAt('weights.bin'), ['weights.bin']));
    appendFileSync(join(directory, 'weights.bin'), 'x');
    expect(await engine.ended).toBe('exit code 1');
  });
});

describe('a seal', () => {
  it.each<[string, (path: string) => void]>([
    ['written to', (path) => appendFileSync(path, 'x')],
    ['written to and restored', (path) => writeFileSync(path, readFileSync(path))],
    ['removed', (path) => rmSync(path)],
    [
      'replaced by the same',
      (path) => {
        cpSync(path, `${path}.new`, { preserveTimestamps: true });
        renameSync(`${path}.new`, path);
      },
    ],
  ])('breaks when a file is %s between its verification and the load', async (_, change) => {
    const { manifest } = version(modelAt('weights.bin'), ['weights.bin']);
    const seal = await sealFiles(directory, manifest);
    await seal.check();
    change(join(directory, 'weights.bin'));
    await expect(seal.check()).rejects.toThrow('weights.bin was changed while it was loaded');
  });
});

describe('externalLocations', () => {
  const locate = (bytes: Uint8Array) => {
    const path = join(directory, 'crafted.onnx');
    writeFileSync(path, bytes);
    return [...externalLocations(path, 'crafted.onnx')];
  };
  const field = (tag: number, content: Uint8Array) => {
    if (content.byteLength > 127) throw new RangeError('too long for this test');
    return Buffer.concat([
      Buffer.of(
        tag * 8 + 2 > 127 ? ((tag * 8 + 2) & 127) | 128 : tag * 8 + 2,
        ...(tag * 8 + 2 > 127 ? [1] : []),
      ),
      Buffer.of(content.byteLength),
      content,
    ]);
  };
  const text = (tag: number, value: string) => field(tag, Buffer.from(value));
  const tensor = field(13, Buffer.concat([text(1, 'location'), text(2, 'hidden')]));
  const inGraph = (content: Uint8Array) => field(7, content);
  const inNode = (attribute: Uint8Array) => inGraph(field(1, field(5, attribute)));

  it.each<[string, Uint8Array]>([
    ['an initializer', inGraph(field(5, tensor))],
    ['a sparse initializer', inGraph(field(15, field(1, tensor)))],
    ['an attribute', inNode(field(5, tensor))],
    ['a list of attributes', inNode(field(10, tensor))],
    ['a graph within a node', inNode(field(6, field(5, tensor)))],
    ['a function', field(25, field(7, field(5, field(5, tensor))))],
    ['a graph for training', field(20, field(1, field(5, tensor)))],
    [
      'a second graph, which a reader merges',
      Buffer.concat([inGraph(Buffer.of()), inGraph(field(5, tensor))]),
    ],
  ])('finds them in %s', (_, model) => {
    expect(locate(model)).toEqual(['hidden']);
  });

  it('finds none where there are none', () => {
    expect(locate(encodeModel({ nodes: [], inputs: [x], outputs: [x], constants: [] }))).toEqual([]);
  });

  it.each<[string, Uint8Array]>([
    ['text', Buffer.from('this is no model')],
    ['a model that was cut short', modelAt('weights.bin').subarray(0, -30)],
    ['a length beyond the file', Buffer.of(7 * 8 + 2, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ['a number without an end', Buffer.alloc(30, 0xff)],
    ['graphs within graphs without end', graphsWithin(60)],
  ])('refuses %s', (_, bytes) => {
    expect(() => locate(bytes)).toThrow('crafted.onnx is not a readable ONNX file');
  });
});

/** A model whose graph has a node with an attribute with a graph, and so on. */
function graphsWithin(depth: number): Buffer {
  const field = (tag: number, content: Uint8Array) => {
    const length = content.byteLength;
    return Buffer.concat([Buffer.of(tag * 8 + 2, (length & 127) | 128, length >> 7), content]);
  };
  let graph = Buffer.alloc(0);
  for (let i = 0; i < depth; i += 1) graph = field(1, field(5, field(6, graph)));
  return field(7, graph);
}
