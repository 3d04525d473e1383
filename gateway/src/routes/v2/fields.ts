import { HeadgateError, type Reason } from '@headgate/contracts/errors';

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
