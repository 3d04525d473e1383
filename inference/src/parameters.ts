import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { SKETCH } from '@headgate/contracts/sketch';
import type { QueuePolicy } from './queue.ts';

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

/** How the items of a call wait. */
export interface QueueTerms {
  /** Priority level; 1 goes first. */
  readonly level: number;
  /** How long they may wait for their run, in ms; Infinity: until their deadline. */
  readonly queueTimeoutMs: number;
}

/**
 * What a call asks of the queue with Triton's parameters `priority` and `timeout`, as far as the model allows it. As
 * in Triton, 0 and levels that the model does not have mean the default level, and a timeout only ever shortens.
 * Background has the last level.
 *
 * @throws HeadgateError invalid_request when one of them is no whole number
 */
export function queueTerms({ parameters }: ModelInferRequest__Output, policy: QueuePolicy): QueueTerms {
  const asked = isSet(parameters, BACKGROUND_PARAMETER) ? policy.levels : integer(parameters, 'priority');
  const level = asked >= 1 && asked <= policy.levels ? asked : policy.defaultLevel;
  const timeoutMs = integer(parameters, 'timeout') / 1000;
  const mayOverride = policy.allowTimeoutOverride && timeoutMs > 0;
  const queueTimeoutMs = mayOverride ? Math.min(policy.defaultTimeoutMs, timeoutMs) : policy.defaultTimeoutMs;
  return { level, queueTimeoutMs };
}

/** Whether the caller wants sketches of its images in addition to the outputs. */
export function wantsSketch({ parameters }: ModelInferRequest__Output): boolean {
  return isSet(parameters, SKETCH.parameter);
}

/** Whether the request is a copy that goes behind all other items. */
export function isBackground({ parameters }: ModelInferRequest__Output): boolean {
  return isSet(parameters, BACKGROUND_PARAMETER);
}

function isSet(parameters: ModelInferRequest__Output['parameters'], name: string): boolean {
  return Object.hasOwn(parameters, name) && parameters[name]?.bool_param === true;
}

/** @returns 0 when it is not sent */
function integer(parameters: ModelInferRequest__Output['parameters'], name: string): number {
  if (!Object.hasOwn(parameters, name)) return 0;
  const value = parameters[name]?.int64_param ?? parameters[name]?.uint64_param;
  if (value !== undefined && value >= 0) return value;
  throw new HeadgateError('invalid_request', `parameters.${name}: expected a whole number, 0 or more.`);
}
