import type { ClientUnaryCall } from '@grpc/grpc-js';
import type { GatewayConfig } from '@headgate/contracts/config/schema';
import { HeadgateError } from '@headgate/contracts/errors';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { RetryBudget } from '@headgate/runtime/resilience/retry-budget';
import type { Direct } from './direct.ts';
import type { InferCaller } from './first-attempt.ts';
import type { CallContext } from './open-inference.ts';
import { unaryCall } from './unary-call.ts';

export interface SecondAttemptOptions {
  readonly first: InferCaller;
  readonly direct: Direct;
  /** Endpoints that exist now, as `ip:port`. */
  readonly endpoints: () => readonly string[];
  /** Those of them that serve a version now. */
  readonly addressesOf: (model: string, version: string) => readonly string[];
  readonly config: GatewayConfig['upstream']['retry'];
  readonly report: ResilienceReport;
  /** Monotonic, in ms. */
  readonly nowMs?: () => number;
}

/**
 * Sends a call that met UNAVAILABLE once more, to another endpoint where there is one: an endpoint that died or
 * drains costs its callers some milliseconds instead of an error. Overload is never sent on (the other endpoints
 * have the same load), nor what has no time left, nor more than the budget allows.
 */
export function secondAttempt(options: SecondAttemptOptions): InferCaller {
  const { direct, endpoints, addressesOf, config, report, nowMs = () => performance.now() } = options;
  if (!config.enabled) return options.first;
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
    let sent: ClientUnaryCall | undefined;
    try {
      return await options.first(name, context, (client, call) => {
        sent = method(client, call);
        return sent;
      });
    } catch (error) {
      const addresses = addressesOf(name.model, name.version);
      const address = elsewhere(addresses, sent?.getPeer());
      const rest = { ...context, remainingMs: context.remainingMs - (nowMs() - startMs) };
      if (address === undefined || !granted(error, rest)) throw error;
      return await unaryCall(direct.to(address, endpoints()), rest, method);
    }
  };
}
