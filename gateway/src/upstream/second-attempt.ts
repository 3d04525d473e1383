import type { ClientUnaryCall } from '@grpc/grpc-js';
import type { GatewayConfig } from '@headgate/contracts/config';
import { HeadgateError } from '@headgate/contracts/errors';
import type { ResilienceReport } from '@headgate/contracts/resilience/report';
import { RetryBudget } from '@headgate/contracts/resilience/retry-budget';
import type { Channels } from './channels.ts';
import type { Direct } from './direct.ts';
import type { CallContext, ModelName } from './open-inference.ts';
import { type Method, unaryCall } from './unary-call.ts';

/** Runs one inference call, which may be sent twice: a prediction changes nothing. @throws HeadgateError */
export type InferCaller = <Response>(
  name: ModelName,
  context: CallContext,
  method: Method<Response>,
) => Promise<Response>;

export interface SecondAttemptOptions {
  readonly channels: Channels;
  readonly direct: Direct;
  /** Endpoints that serve a version now, as `ip:port`. */
  readonly addressesOf: (model: string, version: string) => readonly string[];
  readonly config: GatewayConfig['upstream']['retry'];
  readonly report: ResilienceReport;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
}

/** One attempt on whichever endpoint is next. */
export function callOnce(channels: Channels): InferCaller {
  return (_, context, method) => channels.run((client) => unaryCall(client, context, method));
}

/**
 * Sends a call that met UNAVAILABLE once more, to another endpoint where there is one: an endpoint that died or
 * drains costs its callers some milliseconds instead of an error. Overload is never sent on (the other endpoints
 * have the same load), nor what has no time left, nor more than the budget allows.
 */
export function secondAttempt(options: SecondAttemptOptions): InferCaller {
  const { channels, direct, addressesOf, config, report, nowMs = () => performance.now() } = options;
  const once = callOnce(channels);
  if (!config.enabled) return once;
  const budget = new RetryBudget(config.budget, nowMs);
  let turn = 0;

  /** Another endpoint than the one that failed; the same where it is the only one. */
  const elsewhere = (addresses: readonly string[], failed: string | undefined): string | undefined => {
    const others = addresses.filter((address) => address !== failed);
    const candidates = others.length > 0 ? others : addresses;
    turn += 1;
    return candidates[turn % candidates.length];
  };

  const granted = (error: unknown, { signal, remainingMs }: CallContext): boolean => {
    if (!(error instanceof HeadgateError && error.reason === 'unavailable')) return false;
    if (signal.aborted || remainingMs < config.min_remaining_ms) return false;
    const sent = budget.tryRetry();
    report.retry('inference', sent ? 'sent' : 'over_budget');
    return sent;
  };

  return async (name, context, method) => {
    budget.countCall();
    const startMs = nowMs();
    let first: ClientUnaryCall | undefined;
    try {
      return await once(name, context, (client, call) => {
        first = method(client, call);
        return first;
      });
    } catch (error) {
      const addresses = addressesOf(name.model, name.version);
      const address = elsewhere(addresses, first?.getPeer());
      const rest = { ...context, remainingMs: context.remainingMs - (nowMs() - startMs) };
      if (address === undefined || !granted(error, rest)) throw error;
      return await unaryCall(direct.to(address, addresses), rest, method);
    }
  };
}
