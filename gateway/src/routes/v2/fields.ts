import { HeadgateError, type Reason } from '@headgate/contracts/errors';
import type { InferParameter } from '@headgate/contracts/gen/grpc/inference/InferParameter';
import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { SKETCH } from '@headgate/contracts/sketch';

/** A JSON object whose members are not known yet. Read own members only: `__proto__` may be among them. */
export type Fields = Readonly<Record<string, unknown>>;

/** What is wrong with which field of a request. */
export function invalidField(
  field: string,
  expectation: string,
  reason: Reason = 'invalid_request',
): HeadgateError {
  return new HeadgateError(reason, `${field}: ${expectation}.`);
}

export const tensorError = (field: string, expectation: string): HeadgateError =>
  invalidField(field, expectation, 'invalid_tensor');

/** An own member; undefined when it is absent or null, as clients write what they do not set. */
export function memberOf(fields: Fields, name: string): unknown {
  return Object.hasOwn(fields, name) ? (fields[name] ?? undefined) : undefined;
}

/** @throws HeadgateError invalid_request */
export function objectOf(value: unknown, field: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw invalidField(field, 'expected an object');
}

/** A member that is an object; empty when it is absent. @throws HeadgateError invalid_request */
export function fieldsOf(holder: Fields, name: string, field: string): Fields {
  const value = memberOf(holder, name);
  return value === undefined ? {} : objectOf(value, field);
}

/** A list of objects, at most `max`; absent = none. @throws HeadgateError invalid_request */
export function objectsOf(value: unknown, field: string, max: number): Fields[] {
  if (value === undefined) return [];
  if (!Array.isArray(value)) throw invalidField(field, 'expected a list');
  if (value.length > max) throw invalidField(field, `expected at most ${max} entries`);
  return value.map((entry: unknown, i) => objectOf(entry, `${field}[${i}]`));
}

/** @throws HeadgateError invalid_request */
export function textOf(value: unknown, field: string): string {
  if (typeof value === 'string') return value;
  throw invalidField(field, 'expected a string');
}

/** The parameters of a request, of an input or of an output. */
export interface Parameters {
  /** Name of the member that holds them, for messages. */
  readonly field: string;
  /** As they came. */
  readonly fields: Fields;
}

const MAX_PARAMETERS = 64;

/**
 * Parameters that end here. Those that say how tensors travel over HTTP: behind the gateway all blocks are raw. And
 * those that this gateway alone sets: whether sketches are made and kept is the operator's choice.
 */
const ENDS_HERE = new Set([
  'binary_data',
  'binary_data_size',
  'binary_data_output',
  'content_type',
  SKETCH.parameter,
  BACKGROUND_PARAMETER,
]);

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
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  throw invalidField(`${field}.${name}`, `expected a whole number of ${unit}`);
}

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
