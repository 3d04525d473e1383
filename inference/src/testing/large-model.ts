import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { batchingSchema, type Manifest, type ModelFile } from '@headgate/contracts/manifest';
import { ELEMENT, encodeModel } from './onnx-writer.ts';

/** Values of one row of a table. */
const WIDTH = 256;
/** Tables, each in a file of its own. */
const TABLES = 2;
const ROW_BYTES = WIDTH * Float32Array.BYTES_PER_ELEMENT;
/** Rows that are written at once: 1 MiB. */
const CHUNK_ROWS = 2 ** 20 / ROW_BYTES;

export interface LargeModelOptions {
  readonly name: string;
  readonly version: string;
  /** Size of the external data, in bytes; a multiple of 2 MiB. */
  readonly bytes: number;
}

/**
 * Puts a model of any size into a repository: y = table0[index] + table1[index], whose tables are external data. It
 * answers at once, whatever its size; only loading it is heavy.
 *
 * @returns the folder of the version
 */
export function writeLargeModel(root: string, options: LargeModelOptions): string {
  const folder = join(root, options.name, options.version);
  mkdirSync(folder, { recursive: true });
  const rows = options.bytes / TABLES / ROW_BYTES;
  const seed = Number(options.version);
  const externalData = Array.from({ length: TABLES }, (_, table) => {
    const path = `table${table}.bin`;
    return { path, ...writeTable(join(folder, path), rows, seed + table) };
  });
  const model = encodeModel(graphOf(rows, externalData));
  writeFileSync(join(folder, 'model.onnx'), model);
  const sha256 = createHash('sha256').update(model).digest('hex');
  const file = { path: 'model.onnx', sha256, bytes: model.byteLength, external_data: externalData };
  writeFileSync(join(folder, 'manifest.yaml'), JSON.stringify(manifestOf(options, file)));
  return folder;
}

/** What version `version` answers at `column` for `index`. */
export function expectedValue(version: string, index: number, column: number): number {
  const seed = Number(version);
  return Math.fround(value(seed, index, column) + value(seed + 1, index, column));
}

/** Small whole numbers, so that sums are exact; rows, columns and tables differ. */
function value(seed: number, row: number, column: number): number {
  return (row * 31 + column * 7 + seed * 1013) % 8191;
}

function writeTable(path: string, rows: number, seed: number): Omit<ModelFile, 'path'> {
  const hash = createHash('sha256');
  const file = openSync(path, 'w');
  const chunk = new Float32Array(CHUNK_ROWS * WIDTH);
  for (let row = 0; row < rows; row += CHUNK_ROWS) {
    for (let i = 0; i < chunk.length; i += 1) {
      chunk[i] = value(seed, row + Math.floor(i / WIDTH), i % WIDTH);
    }
    const bytes = new Uint8Array(chunk.buffer);
    hash.update(bytes);
    writeSync(file, bytes);
  }
  closeSync(file);
  return { sha256: hash.digest('hex'), bytes: rows * ROW_BYTES };
}

function graphOf(rows: number, files: readonly ModelFile[]) {
  const names = files.map((_, i) => `table${i}`);
  return {
    nodes: [
      ...names.map((name, i) => ({ operator: 'Gather', inputs: [name, 'index'], outputs: [`row${i}`] })),
      { operator: 'Add', inputs: ['row0', 'row1'], outputs: ['y'] },
    ],
    inputs: [{ name: 'index', element: ELEMENT.INT64, shape: [-1] }],
    outputs: [{ name: 'y', element: ELEMENT.FP32, shape: [-1, WIDTH] }],
    constants: files.map(({ path, bytes }, i) => ({
      name: `table${i}`,
      element: ELEMENT.FP32,
      shape: [rows, WIDTH],
      location: path,
      offset: 0,
      bytes,
    })),
  };
}

function manifestOf({ name, version }: LargeModelOptions, file: Manifest['file']): Manifest {
  return {
    schema: 1,
    name,
    version,
    kind: 'tensor',
    description: '',
    licence: 'Apache-2.0',
    file,
    inputs: [{ name: 'index', datatype: 'INT64', shape: [-1] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, WIDTH] }],
    batching: batchingSchema.parse({ max_batch_size: 8 }),
    golden: { tolerance: 0.001, samples: [] },
    provenance: { source: 'test', converter: 'inference/src/testing/large-model.ts' },
  };
}
