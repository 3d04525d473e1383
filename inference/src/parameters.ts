import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';

/** Parameters that would change what an answer means. Others may be sent, and are without effect. */
const REFUSED: Readonly<Record<string, string>> = {
  sequence_id: 'models here keep no state between requests',
  sequence_start: 'models here keep no state between requests',
  sequence_end: 'models here keep no state between requests',
  shared_memory_region: 'tensors travel in the message',
  classification: 'ask for the output itself',
};

/**
 * Refuses what a caller may rely on and would not get.
 *
 * @throws HeadgateError invalid_request, naming the parameter
 */
export function checkParameters({ parameters, inputs, outputs }: ModelInferRequest__Output): void {
  refuse('parameters', parameters);
  inputs.forEach((input, i) => {
    refuse(`inputs[${i}].parameters`, input.parameters);
  });
  outputs.forEach((output, i) => {
    refuse(`outputs[${i}].parameters`, output.parameters);
  });
}

function refuse(field: string, parameters: object): void {
  for (const name of Object.keys(parameters)) {
    const why = Object.hasOwn(REFUSED, name) ? REFUSED[name] : undefined;
    if (why) throw new HeadgateError('invalid_request', `${field}.${name}: not supported; ${why}.`);
  }
}

/**
 * What is left of the budget when the caller also sent Triton's `timeout`.
 *
 * @param remainingMs by the gRPC deadline, in ms
 */
export function grantedMs({ parameters }: ModelInferRequest__Output, remainingMs: number): number {
  const { timeout } = Object.hasOwn(parameters, 'timeout') ? parameters : { timeout: undefined };
  const microseconds = timeout?.int64_param ?? timeout?.uint64_param ?? 0;
  return microseconds > 0 ? Math.min(remainingMs, microseconds / 1000) : remainingMs;
}
