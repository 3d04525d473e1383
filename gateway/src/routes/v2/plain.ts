/** Members in which the gRPC library names the member of a oneof that is set. They are no part of a message. */
const ONEOF_NAMES = new Set(['scheduling_choice', 'policy_choice', 'parameter_choice']);

/**
 * A gRPC message as Triton's REST calls answer it: the same names, without what is not set. Clients take the mere
 * presence of some members for an answer.
 */
export function plain(message: unknown): unknown {
  if (Array.isArray(message)) return message.map(plain);
  if (typeof message !== 'object' || message === null) return message;
  const set = Object.entries(message).filter(([name, value]) => value !== null && !ONEOF_NAMES.has(name));
  return Object.fromEntries(set.map(([name, value]) => [name, plain(value)]));
}
