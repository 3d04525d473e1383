import { HeadgateError } from '@headgate/contracts/errors';
import type { InferParameter } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { SKETCH, SKETCH_LENGTH, SKETCH_VERSION } from '@headgate/contracts/sketch';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import { loadInference } from '@headgate/runtime/proto';
import type { Classes, RawTensor } from './engine/protocol.ts';
import { type CacheOutcome, didRun, type ItemResult } from './item.ts';
import type { ModelPackage } from './models/repository.ts';
import type { OutputName } from './request.ts';

export interface Answer {
  readonly id: string;
  /** Names, in the order in which they are answered. */
  readonly outputs: readonly string[];
  /** One per item, in the order of the request; at least one. */
  readonly results: readonly ItemResult[];
}

/** An output as it is answered. */
interface AnsweredTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly block: Uint8Array;
  readonly parameters?: Record<string, InferParameter>;
}

const utf8 = new TextEncoder();

/**
 * Last stage: the rows of the items become the response. Timings are those of the slowest item.
 *
 * @param model package of the version that answered
 */
export function respond(model: ModelPackage, answer: Answer): ModelInferResponse {
  const { results } = answer;
  const { manifest } = model;
  const outputs = manifest.image
    ? [...imageOutputs(model, answer), ...sketchOutput(results)]
    : tensorOutputs(model, answer);
  return {
    model_name: manifest.name,
    model_version: manifest.version,
    id: answer.id,
    parameters: { ...timings(results), ...cacheParameter(results) },
    outputs: outputs.map(({ block, ...described }) => described),
    raw_output_contents: outputs.map(({ block }) => block),
  };
}

const { responseSerialize } = loadInference().GRPCInferenceService.service.ModelInfer;

/**
 * Refuses an answer over the limit of a gRPC message: sent, it would end its stream, and with it the calls of others.
 *
 * @throws HeadgateError invalid_request
 */
export function requireFits(response: ModelInferResponse, maxBytes: number): void {
  const blocks = response.raw_output_contents ?? [];
  // The rest of an answer is small: only large ones are written to be measured.
  if (blocks.reduce((sum, { length }) => sum + length, 0) < maxBytes / 2) return;
  if (responseSerialize(response).byteLength <= maxBytes) return;
  const detail = `The answer would have more than ${maxBytes} bytes; send fewer items in a call, or name fewer outputs.`;
  throw new HeadgateError('invalid_request', detail);
}

function imageOutputs({ labels }: ModelPackage, { outputs, results }: Answer): AnsweredTensor[] {
  const rows = results.map(({ row }) => row as Classes);
  const shape = [rows.length, rows[0]?.classIds.length ?? 0];
  const blocks: Record<OutputName, () => { datatype: string; block: Uint8Array }> = {
    label: () => ({ datatype: 'BYTES', block: labelBlock(rows, labels) }),
    score: () => ({ datatype: 'FP32', block: rowsBlock(rows.map(({ scores }) => scores)) }),
    class_id: () => ({ datatype: 'INT32', block: rowsBlock(rows.map(({ classIds }) => classIds)) }),
  };
  return outputs.map((name) => ({ name, shape, ...blocks[name as OutputName]() }));
}

/** After the outputs of the model, where the caller asked: a cached answer to the same question has them too. */
function sketchOutput(results: readonly ItemResult[]): AnsweredTensor[] {
  const sketches = results.flatMap(({ row }) => (row as Classes).sketch ?? []);
  if (sketches.length < results.length) return [];
  return [
    {
      name: SKETCH.output,
      datatype: 'FP32',
      shape: [sketches.length, SKETCH_LENGTH],
      block: rowsBlock(sketches),
      parameters: { [SKETCH.version]: { int64_param: SKETCH_VERSION } },
    },
  ];
}

/** Labels as elements of a BYTES tensor, made once for each model. */
const elements = new WeakMap<readonly string[], readonly Uint8Array[]>();

function elementsOf(labels: readonly string[]): readonly Uint8Array[] {
  const known = elements.get(labels);
  if (known) return known;
  const made = labels.map((label) => encodeBytesTensor([utf8.encode(label)]));
  elements.set(labels, made);
  return made;
}

function labelBlock(rows: readonly Classes[], labels: readonly string[]): Uint8Array {
  const known = elementsOf(labels);
  const parts: Uint8Array[] = [];
  for (const { classIds } of rows) {
    for (const id of classIds) parts.push(known[id] ?? encodeBytesTensor([utf8.encode(String(id))]));
  }
  return Buffer.concat(parts);
}

/** Rows of 4-byte numbers in one block. Every platform that Node runs on is little-endian, as the protocol is. */
function rowsBlock(rows: readonly (Float32Array | Int32Array)[]): Uint8Array {
  return Buffer.concat(rows.map((row) => new Uint8Array(row.buffer, row.byteOffset, row.byteLength)));
}

/** Where a cache is on: what the answer as a whole cost. One item that had to run makes it a miss. */
function cacheParameter(results: readonly ItemResult[]): Record<string, InferParameter> {
  const is = (outcome: CacheOutcome) => results.some(({ cache }) => cache?.outcome === outcome);
  const outcome = (['miss', 'shared', 'hit'] as const).find(is);
  return outcome ? { cache: { string_param: outcome } } : {};
}

function timings(results: readonly ItemResult[]): Record<string, InferParameter> {
  const most = { queueMs: 0, decodeMs: 0, runMs: 0, batchSize: 0 };
  for (const { queueMs, decodeMs, runMs, batchSize } of results) {
    most.queueMs = Math.max(most.queueMs, queueMs);
    most.decodeMs = Math.max(most.decodeMs, decodeMs);
    most.runMs = Math.max(most.runMs, runMs);
    most.batchSize = Math.max(most.batchSize, batchSize);
  }
  return {
    queue_ms: { double_param: most.queueMs },
    decode_ms: { double_param: most.decodeMs },
    run_ms: { double_param: most.runMs },
    engine_ms: { double_param: engineMs(results) },
    batch_size: { int64_param: most.batchSize },
  };
}

/** What the engines ran for this call, in ms: of each batch the share of its items, added up. */
export function engineMs(results: readonly ItemResult[]): number {
  return results.filter(didRun).reduce((sum, { runMs, batchSize }) => sum + runMs / batchSize, 0);
}

/**
 * The rows of the items of one call, joined again.
 *
 * @throws HeadgateError internal when the rows of an output have different shapes and cannot be one tensor
 */
function tensorOutputs({ manifest }: ModelPackage, { outputs, results }: Answer): AnsweredTensor[] {
  const rows = results.map(({ row }) => row as readonly RawTensor[]);
  return outputs.map((name) => {
    const index = manifest.outputs.findIndex((output) => output.name === name);
    const tensors = rows.map((row) => row[index] as RawTensor);
    const { datatype } = manifest.outputs[index] as { datatype: string };
    return { name, datatype, shape: joinedShape(name, tensors), block: joinedBlock(tensors) };
  });
}

function joinedShape(name: string, tensors: readonly RawTensor[]): number[] {
  const [first = []] = tensors.map(({ shape }) => shape);
  if (tensors.length === 1) return [...first];
  if (tensors.some(({ shape }) => shape.join() !== first.join())) {
    const detail = `The rows of the output ${name} came out in different shapes; send them in calls of their own.`;
    throw new HeadgateError('internal', detail);
  }
  return [tensors.length, ...first.slice(1)];
}

function joinedBlock(tensors: readonly RawTensor[]): Uint8Array {
  const [first] = tensors;
  return tensors.length === 1 && first ? first.block : Buffer.concat(tensors.map(({ block }) => block));
}
