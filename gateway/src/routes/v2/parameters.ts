import type { InferParameter } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import { SKETCH } from '@headgate/contracts/sketch';
import { type Fields, fieldsOf, invalidField, memberOf } from './fields.ts';

/** The parameters of a request, of an input or of an output. */
export interface Parameters {
  /** Name of the member that holds them, for messages. */
  readonly field: string;
  /** As they came. */
  readonly fields: Fields;
}

const MAX_PARAMETERS = 64;

/** Parameters that say how tensors travel over HTTP. They end here: behind the gateway all blocks are raw. */
const OF_THE_FRAME = ['binary_data', 'binary_data_size', 'binary_data_output', 'content_type'];

/** @param at field of the holder; '' for the request itself. @throws HeadgateError invalid_request */
export function parametersOf(holder: Fields, at: string): Parameters {
  const field = at === '' ? 'parameters' : `${at}.parameters`;
  return { field, fields: fieldsOf(holder, 'parameters', field) };
}

/** @throws HeadgateError invalid_request */
export function flagOf({ field, fields }: Parameters, name: string): boolean | undefined {
  const value = memberOf(fields, name);
  if (value === undefined || typeof value === 'boolean') return value;
  throw invalidField(`${field}.${name}`, 'expected true or false');
}

/** A whole number from 0. @throws HeadgateError invalid_request */
export function countOf({ field, fields }: Parameters, name: string, unit: string): number | undefined {
  const value = memberOf(fields, name);
  if (value === undefined || isCount(value)) return value;
  throw invalidField(`${field}.${name}`, `expected a whole number of ${unit}`);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Parameters that this gateway alone sets: whether sketches are made and kept is the operator's choice. */
const OWN: readonly string[] = [SKETCH.parameter];

const ENDS_HERE = new Set([...OF_THE_FRAME, ...OWN]);

/** The parameters that go on to inference, which says whether it knows them. @throws HeadgateError invalid_request */
export function toMessage({ field, fields }: Parameters): Record<string, InferParameter> {
  const entries = Object.entries(fields).filter(([name, value]) => value !== null && !ENDS_HERE.has(name));
  if (entries.length > MAX_PARAMETERS) {
    throw invalidField(field, `expected at most ${MAX_PARAMETERS} entries`);
  }
  return Object.fromEntries(entries.map(([name, value]) => [name, toParameter(name, value, field)]));
}

function toParameter(name: string, value: unknown, field: string): InferParameter {
  // The gRPC library would assign it.
  if (name === '__proto__') throw invalidField(field, 'expected other names than __proto__');
  if (typeof value === 'boolean') return { bool_param: value };
  if (typeof value === 'string') return { string_param: value };
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    throw invalidField(`${field}.${name.slice(0, 64)}`, 'expected a string, a number, true or false');
  }
  return Number.isSafeInteger(value) ? { int64_param: value } : { double_param: value };
}
