import type { InferParameter } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import type { ModelInferResponse } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { encodeBytesTensor } from '@headgate/contracts/tensor';
import type { ItemResult } from './item.ts';
import type { ModelPackage } from './models/repository.ts';
import type { OutputName } from './request.ts';

export interface Answer {
  readonly id: string;
  readonly outputs: readonly OutputName[];
  /** One per image, in the order of the request; at least one. */
  readonly results: readonly ItemResult[];
}

const utf8 = new TextEncoder();

/**
 * Last stage: rows of classes become the response. Timings are those of the slowest image.
 *
 * @param model package of the version that answered
 */
export function respond({ manifest, labels }: ModelPackage, answer: Answer): ModelInferResponse {
  const { results } = answer;
  const width = results[0]?.classes.classIds.length ?? 0;
  const shape = [results.length, width];
  const blocks: Record<OutputName, () => { datatype: string; block: Uint8Array }> = {
    label: () => ({ datatype: 'BYTES', block: labelBlock(results, labels) }),
    score: () => ({ datatype: 'FP32', block: rowsBlock(results.map(({ classes }) => classes.scores)) }),
    class_id: () => ({ datatype: 'INT32', block: rowsBlock(results.map(({ classes }) => classes.classIds)) }),
  };
  const outputs = answer.outputs.map((name) => ({ name, shape, ...blocks[name]() }));
  return {
    model_name: manifest.name,
    model_version: manifest.version,
    id: answer.id,
    parameters: {
      queue_ms: slowest(results.map(({ queueMs }) => queueMs)),
      decode_ms: slowest(results.map(({ decodeMs }) => decodeMs)),
      run_ms: slowest(results.map(({ runMs }) => runMs)),
      batch_size: { int64_param: Math.max(...results.map(({ batchSize }) => batchSize)) },
    },
    outputs: outputs.map(({ name, datatype }) => ({ name, datatype, shape })),
    raw_output_contents: outputs.map(({ block }) => block),
  };
}

function labelBlock(results: readonly ItemResult[], labels: readonly string[]): Uint8Array {
  const elements = results.flatMap(({ classes }) =>
    Array.from(classes.classIds, (id) => utf8.encode(labels[id] ?? String(id))),
  );
  return encodeBytesTensor(elements);
}

/** Rows of 4-byte numbers in one block. Every platform that Node runs on is little-endian, as the protocol is. */
function rowsBlock(rows: readonly (Float32Array | Int32Array)[]): Uint8Array {
  return Buffer.concat(rows.map((row) => new Uint8Array(row.buffer, row.byteOffset, row.byteLength)));
}

function slowest(times: readonly number[]): InferParameter {
  return { double_param: Math.max(...times) };
}
