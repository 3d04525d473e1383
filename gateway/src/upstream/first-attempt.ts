import type { Channels } from './channels.ts';
import type { Direct } from './direct.ts';
import type { CallContext, ModelName } from './open-inference.ts';
import { type Method, unaryCall } from './unary-call.ts';

/** Runs one inference call; a prediction changes nothing, so it may be sent more than once. @throws HeadgateError */
export type InferCaller = <Response>(
  name: ModelName,
  context: CallContext,
  method: Method<Response>,
) => Promise<Response>;

export interface FirstAttemptOptions {
  readonly channels: Channels;
  readonly direct: Direct;
  /** Endpoints that exist now, as `ip:port`. */
  readonly endpoints: () => readonly string[];
  /** Those of them that serve a version now. */
  readonly addressesOf: (model: string, version: string) => readonly string[];
}

/** One attempt on whichever endpoint is next. */
export function callOnce(channels: Channels): InferCaller {
  return (_, context, method) => channels.run((client) => unaryCall(client, context, method));
}

/**
 * One attempt on an endpoint that serves the version. Connections alone do not tell: one whose engine is down, or
 * that hangs behind a dead network, stays connected. While all endpoints serve it, or none is known to, the next in
 * turn is as good as any.
 */
export function firstAttempt({ channels, direct, endpoints, addressesOf }: FirstAttemptOptions): InferCaller {
  const next = callOnce(channels);
  let turn = 0;
  return (name, context, method) => {
    const all = endpoints();
    const serving = addressesOf(name.model, name.version);
    const address = serving[turn % serving.length];
    if (address === undefined || serving.length === all.length) return next(name, context, method);
    turn += 1;
    return unaryCall(direct.to(address, all), context, method);
  };
}
