import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';

/** An input with its raw block. */
export interface TestInput {
  readonly name: string;
  readonly datatype: string;
  readonly shape: number[];
  readonly values: ArrayBufferView;
}

/** A request with raw blocks. */
export function rawRequest(model: string, ...inputs: TestInput[]): ModelInferRequest {
  return {
    model_name: model,
    inputs: inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape })),
    raw_input_contents: inputs.map(({ values }) =>
      Buffer.from(values.buffer, values.byteOffset, values.byteLength),
    ),
  };
}

/** The input `x` of most test models. */
export function x(datatype: string, shape: number[], values: ArrayBufferView): TestInput {
  return { name: 'x', datatype, shape, values };
}

/** The raw block of an output, as bytes at an address of its own. */
export function blockOf(
  { outputs, raw_output_contents }: ModelInferResponse__Output,
  name: string,
): Uint8Array {
  return new Uint8Array(raw_output_contents[outputs.findIndex((output) => output.name === name)] ?? []);
}

export function floatsOf(response: ModelInferResponse__Output, name: string): number[] {
  return [...new Float32Array(blockOf(response, name).buffer)];
}

export function longsOf(response: ModelInferResponse__Output, name: string): bigint[] {
  return [...new BigInt64Array(blockOf(response, name).buffer)];
}
