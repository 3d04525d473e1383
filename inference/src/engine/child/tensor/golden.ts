import type { GoldenSample, Manifest, TensorSpec } from '@headgate/contracts/manifest';
import { LoadError } from '../../../load-error.ts';
import type { LoadReport, RawTensor } from '../../protocol.ts';
import { readSample } from '../image/golden.ts';
import { blockOfValues, type JsonValue, type Value, valuesOfBlock } from './json.ts';

/** A tensor as a record writes it. */
interface RecordedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  /** Flat, in row-major order. BYTES as text; INT64 and UINT64 as text where a number of JSON is not exact. */
  readonly data: readonly JsonValue[];
}

interface TensorRecord {
  readonly inputs: readonly RecordedTensor[];
  readonly outputs: readonly RecordedTensor[];
}

export interface GoldenTensorOptions {
  readonly manifest: Manifest;
  /** Folder of the version. */
  readonly directory: string;
  /** Runs one item through this engine. @returns its outputs, in the order of the manifest */
  readonly run: (inputs: readonly RawTensor[]) => Promise<readonly RawTensor[]>;
}

/**
 * Compares the outputs for the manifest's recorded inputs with the recorded outputs.
 *
 * @throws LoadError when a record is missing or not usable, or an output is not the recorded one
 */
export async function compareGoldenTensors(options: GoldenTensorOptions): Promise<LoadReport['golden']> {
  const { manifest, directory, run } = options;
  const { samples, tolerance } = manifest.golden;
  let largestDifference = 0;
  for (const sample of samples) {
    const record = await readRecord(sample, directory);
    const where = `golden sample ${sample.file}`;
    const inputs = manifest.inputs.map((spec) => toTensor(record.inputs, spec, where));
    const outputs = await run(inputs);
    manifest.outputs.forEach((spec, i) => {
      const expected = toTensor(record.outputs, spec, where);
      const difference = differenceOf(outputs[i] as RawTensor, expected, spec);
      // Written so that NaN, which no comparison holds for, is refused too.
      if (!(difference <= tolerance)) {
        throw golden(
          `${where}: the output ${spec.name} differs by ${difference} from the recorded one ` +
            `(tolerance ${tolerance}); the model is not the recorded one`,
        );
      }
      largestDifference = Math.max(largestDifference, difference);
    });
  }
  return { compared: samples.length, skipped: [], largestDifference };
}

/** Unlike photos, which have licences of their own, a record is a part of the version: it must be there. */
async function readRecord(sample: GoldenSample, directory: string): Promise<TensorRecord> {
  const bytes = await readSample(sample, [directory]);
  if (!bytes) throw golden(`golden sample ${sample.file} is missing, or is not the file that was recorded`);
  try {
    const record: unknown = JSON.parse(Buffer.from(bytes).toString('utf8'));
    if (isRecord(record)) return record;
    throw new Error('its tensors lack a name, a shape or data');
  } catch (cause) {
    throw golden(`golden sample ${sample.file}: expected JSON with inputs and outputs`, cause);
  }
}

/** By hand: zod would take 2.5 MB in each thread of each engine. */
function isRecord(value: unknown): value is TensorRecord {
  const { inputs, outputs } = (value ?? {}) as Partial<TensorRecord>;
  return [inputs, outputs].every((tensors) => Array.isArray(tensors) && tensors.every(isTensor));
}

function isTensor(value: unknown): value is RecordedTensor {
  const { name, shape, data } = (value ?? {}) as Partial<RecordedTensor>;
  const isShape = Array.isArray(shape) && shape.every((side) => Number.isSafeInteger(side) && side >= 1);
  const types = ['number', 'string', 'boolean'];
  return (
    typeof name === 'string' &&
    isShape &&
    Array.isArray(data) &&
    data.every((one) => types.includes(typeof one))
  );
}

function toTensor(recorded: readonly RecordedTensor[], spec: TensorSpec, where: string): RawTensor {
  const tensor = recorded.find(({ name }) => name === spec.name);
  if (!tensor) throw golden(`${where}: ${spec.name} is not recorded`);
  const count = tensor.shape.reduce((a, b) => a * b, 1);
  if (count !== tensor.data.length) {
    throw golden(`${where}: ${spec.name} has ${tensor.data.length} values, but its shape says ${count}`);
  }
  try {
    return { shape: tensor.shape, block: blockOfValues(tensor.data, spec.datatype) };
  } catch (cause) {
    throw golden(`${where}: a value of ${spec.name} is no ${spec.datatype}`, cause);
  }
}

/** 0 for equal tensors; infinite for other shapes, and for values that are not numbers with a fraction. */
function differenceOf(actual: RawTensor, expected: RawTensor, { datatype }: TensorSpec): number {
  if (actual.shape.join() !== expected.shape.join()) return Number.POSITIVE_INFINITY;
  const got = valuesOfBlock(actual, datatype);
  return valuesOfBlock(expected, datatype).reduce<number>(
    (largest, value, i) => Math.max(largest, distance(got[i] as Value, value)),
    0,
  );
}

/** Absolute up to 1, relative beyond. */
function distance(a: Value, b: Value): number {
  if (Object.is(a, b) || a === b) return 0;
  if (typeof a !== 'number' || typeof b !== 'number') return Number.POSITIVE_INFINITY;
  return Math.abs(a - b) / Math.max(1, Math.abs(b));
}

function golden(message: string, cause?: unknown): LoadError {
  return new LoadError(message, { kind: 'golden', cause });
}
