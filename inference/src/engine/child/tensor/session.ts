import type { Datatype, Manifest, TensorSpec } from '@headgate/contracts/manifest';
import { decodeBytesTensor, encodeBytesTensor } from '@headgate/contracts/tensor';
import { type InferenceSession, Tensor } from 'onnxruntime-node';
import { LoadError } from '../../../load-error.ts';
import type { EngineSpec, RawTensor } from '../../protocol.ts';
import { blankItem, joinItems, splitTensor } from '../../tensor-batch.ts';
import { openModel } from '../onnx.ts';
import { type Runner, timed } from '../runner.ts';
import { warmUpSizes } from '../warm-up.ts';

/** A loaded model that runs one batch at a time, blocking its thread meanwhile. */
export interface TensorSession {
  /**
   * @param inputs joined, one for each input of the manifest, in its order
   * @param count items in them
   * @returns one tensor for each output of the manifest, of each item
   */
  run(inputs: readonly RawTensor[], count: number): Promise<RawTensor[][]>;
  close(): Promise<void>;
}

type NumericView = new (buffer: ArrayBuffer) => Tensor.DataTypeMap[Tensor.Type] & ArrayBufferView;

/** How ONNX Runtime calls a datatype, and the view with which it takes its elements. */
const TYPES: Readonly<Record<Exclude<Datatype, 'BYTES'>, readonly [Tensor.Type, unknown]>> = {
  BOOL: ['bool', Uint8Array],
  UINT8: ['uint8', Uint8Array],
  UINT16: ['uint16', Uint16Array],
  UINT32: ['uint32', Uint32Array],
  UINT64: ['uint64', BigUint64Array],
  INT8: ['int8', Int8Array],
  INT16: ['int16', Int16Array],
  INT32: ['int32', Int32Array],
  INT64: ['int64', BigInt64Array],
  FP16: ['float16', Uint16Array],
  FP32: ['float32', Float32Array],
  FP64: ['float64', Float64Array],
};

/** The runtime would print every value that a model cannot take; the error says the same. */
const QUIET: InferenceSession.RunOptions = { logSeverityLevel: 4 };

const utf8 = { encode: new TextEncoder(), decode: new TextDecoder() };

/**
 * onnxruntime-node 1.30 wraps FP16 in a Float16Array wherever the language has one, and its native half then refuses
 * it. Without the class it uses Uint16Array, which works. To be called before the thread's first tensor.
 */
function useUint16ForFp16(): void {
  Reflect.deleteProperty(globalThis, 'Float16Array');
}

/**
 * Loads the model file and checks inputs and outputs against the manifest.
 *
 * @throws LoadError when a file is not the listed one, or the model contradicts the manifest; whatever ONNX Runtime
 * throws when it cannot load it
 */
export async function openTensorSession(spec: EngineSpec): Promise<TensorSession> {
  const { manifest } = spec;
  useUint16ForFp16();
  const session = await openModel(spec);
  checkAgainst(session, manifest);
  const names = manifest.outputs.map(({ name }) => name);
  const isBatched = manifest.batching.max_batch_size > 1;
  return {
    async run(inputs, count) {
      const feeds = manifest.inputs.map(({ name, datatype }, i) => [
        name,
        toTensor(inputs[i] as RawTensor, datatype),
      ]);
      const answer = await session.run(Object.fromEntries(feeds), names, QUIET);
      const outputs = manifest.outputs.map(({ name, datatype }) => {
        const tensor = fromTensor(answer[name] as Tensor);
        return isBatched ? splitTensor(tensor, datatype, count) : [tensor];
      });
      return Array.from({ length: count }, (_, i) => outputs.map((rows) => rows[i] as RawTensor));
    },
    close: () => session.release(),
  };
}

function toTensor({ shape, block }: RawTensor, datatype: Datatype): Tensor {
  if (datatype === 'BYTES') {
    const elements = decodeBytesTensor(
      block,
      shape.reduce((a, b) => a * b, 1),
    );
    return new Tensor(
      'string',
      elements.map((element) => utf8.decode.decode(element)),
      shape,
    );
  }
  const [type, view] = TYPES[datatype];
  // A copy begins at an address that is aligned for every type.
  const { buffer } = new Uint8Array(block);
  return new Tensor(type, new (view as NumericView)(buffer) as Tensor.DataType, shape);
}

function fromTensor({ type, data, dims }: Tensor): RawTensor {
  if (type === 'string') {
    return {
      shape: dims,
      block: encodeBytesTensor((data as string[]).map((text) => utf8.encode.encode(text))),
    };
  }
  const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
  return { shape: dims, block: new Uint8Array(buffer, byteOffset, byteLength) };
}

export async function runTensors(spec: EngineSpec): Promise<Runner> {
  const { inputs, batching } = spec.manifest;
  const session = await openTensorSession(spec);
  const blank = blankItem(inputs);
  const isGuess = inputs.some(({ shape }) => shape.slice(1).includes(-1));
  const warmUpMs = new Map<number, number>();
  for (const size of warmUpSizes(batching.max_batch_size)) {
    const items = Array.from({ length: size }, () => blank);
    // A side of variable length may need more than the 1 that is tried: such a model warms up with its callers.
    const { runMs } = await timed(() => session.run(joinItems(items), size)).catch((error: unknown) => {
      if (isGuess) return { runMs: 0 };
      throw error;
    });
    warmUpMs.set(size, runMs);
  }
  return {
    warmUpMs,
    run: ({ count, inputs = [] }) => timed(() => session.run(inputs, count)),
    close: session.close,
  };
}

function checkAgainst(session: InferenceSession, manifest: Manifest): void {
  const where = `${manifest.file.path} of ${manifest.name}/${manifest.version}`;
  const check = (kind: string, declared: readonly TensorSpec[], actual: readonly Metadata[]) => {
    const namesOf = (tensors: readonly { name: string }[]) =>
      tensors
        .map(({ name }) => name)
        .sort()
        .join(', ');
    if (namesOf(declared) !== namesOf(actual)) {
      throw contradicts(`${where}: the manifest must name the ${kind} ${namesOf(actual)}, each once`);
    }
    for (const tensor of declared) {
      const problem = contradiction(tensor, actual.find(({ name }) => name === tensor.name) as Metadata);
      if (problem) throw contradicts(`${where}: ${kind} ${tensor.name}: ${problem}`);
    }
  };
  check('inputs', manifest.inputs, session.inputMetadata);
  check('outputs', manifest.outputs, session.outputMetadata);
}

type Metadata = InferenceSession.ValueMetadata;

function contradiction({ datatype, shape }: TensorSpec, actual: Metadata): string | undefined {
  const type = datatype === 'BYTES' ? 'string' : TYPES[datatype][0];
  if (!actual.isTensor || actual.type !== type) {
    return `the model has the type ${actual.isTensor ? actual.type : 'no tensor'}, not ${type}`;
  }
  const sides = actual.shape.map((side) => (typeof side === 'number' && side >= 0 ? side : -1));
  // A model without shapes says nothing that could be contradicted.
  if (sides.length === 0) return undefined;
  const fits = sides.length === shape.length && sides.every((side, i) => side === -1 || shape[i] === side);
  return fits ? undefined : `the model has the shape [${sides}], not [${shape}]`;
}

function contradicts(message: string): LoadError {
  return new LoadError(message, { kind: 'model' });
}
