import { HeadgateError } from '@headgate/contracts/errors';
import type { ModelInferRequest } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import type { ModelInferResponse__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferResponse';
import { healthServiceName } from '@headgate/contracts/names';
import type { RetryBudgetConfig } from '@headgate/runtime/resilience/policies';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { RetryBudget } from '@headgate/runtime/resilience/retry-budget';
import type { Endpoint } from './endpoints.ts';
import { failureOf } from './failure.ts';
import type { CallContext, CallDeadline, SentContext } from './inference.ts';
import type { Method } from './unary.ts';

export interface RetryOptions {
  /** Less of the deadline than this is no time for a second attempt. */
  readonly min_remaining_ms: number;
  readonly budget: RetryBudgetConfig;
}

/** A fifth more calls is what the endpoints that are left can take; three in 10 s serve a gateway without load. */
const RETRY: RetryOptions = {
  min_remaining_ms: 50,
  budget: { share: 0.2, min_retries: 3, window_ms: 10_000 },
};

type Candidate = Pick<Endpoint, 'pool' | 'serving' | 'onSilent'>;

export interface AttemptsOptions {
  /** Endpoints that exist now. */
  readonly endpoints: () => readonly Candidate[];
  /** null: each call is sent once. */
  readonly retry?: RetryOptions | null;
  readonly report: ResilienceReport;
}

/**
 * Sends calls to endpoints in turn: to those that serve the version, and among them to those that are connected. A
 * connection alone does not tell: one whose engine is down, or that hangs behind a dead network, stays connected.
 *
 * A call that met `unavailable` is sent once more, to another endpoint where there is one: an endpoint that died or
 * drains costs its callers some milliseconds instead of an error. A call to an endpoint that falls silent is sent to
 * another one too, and whichever answers first counts; where that may not be, it waits on. Overload is never sent on (the other endpoints have
 * the same load), nor what has no time left, nor more than the budget allows.
 */
export class Attempts {
  readonly #options: AttemptsOptions;
  readonly #retry: RetryOptions | null;
  readonly #budget: RetryBudget;
  #turn = 0;

  constructor(options: AttemptsOptions) {
    this.#options = options;
    this.#retry = options.retry === undefined ? RETRY : options.retry;
    this.#budget = new RetryBudget((this.#retry ?? RETRY).budget, () => performance.now());
  }

  /** Raw blocks are not copied: they must not change until the call is settled. @throws HeadgateError */
  async infer(request: ModelInferRequest, context: CallContext): Promise<ModelInferResponse__Output> {
    const { endpoints } = this.#options;
    this.#budget.countCall();
    // While none is known to serve the version, any is as good as another.
    const first = this.#next(this.#serving(request)) ?? this.#next(endpoints());
    if (!first) throw failureOf('unavailable', new Error('no endpoint is known'));
    if (this.#retry === null) return first.pool.infer(request, context);
    const call = new Attempt(first, request, context);
    try {
      return await untilSilent(call.answer, first);
    } catch (error) {
      const serving = this.#serving(request);
      const isSilent = error instanceof Silent;
      const second =
        this.#next(serving.filter((one) => one !== first)) ?? (isSilent ? undefined : this.#next(serving));
      if (second && this.#mayRepeat(error, context))
        return isSilent
          ? firstOf(call, new Attempt(second, request, context))
          : second.pool.infer(request, context);
      if (isSilent) return call.answer;
      throw error;
    }
  }

  /** A call that any endpoint answers, and that is made once. @throws HeadgateError */
  async unary<Response>(context: CallContext, method: Method<Response>): Promise<Response> {
    const endpoint = this.#next(this.#options.endpoints());
    if (!endpoint) throw failureOf('unavailable', new Error('no endpoint is known'));
    return endpoint.pool.unary(context, method);
  }

  /** Endpoints that serve the version; an empty version: any version of the model. */
  #serving({ model_name: model = '', model_version: version = '' }: ModelInferRequest): readonly Candidate[] {
    const name = healthServiceName(model, version);
    return this.#options
      .endpoints()
      .filter(({ serving }) =>
        version === '' ? [...serving].some((service) => service.startsWith(name)) : serving.has(name),
      );
  }

  /** The next in turn, one that is connected where there is one. */
  #next(candidates: readonly Candidate[]): Candidate | undefined {
    this.#turn += 1;
    const count = candidates.length;
    for (let i = 0; i < count; i += 1) {
      const one = candidates[(this.#turn + i) % count];
      if (one?.pool.isUp) return one;
    }
    return candidates[this.#turn % count];
  }

  #mayRepeat(error: unknown, { deadline }: CallContext): boolean {
    const { report } = this.#options;
    if (!(error instanceof Silent || isUnavailable(error)) || this.#retry === null) return false;
    if (deadline.over || deadline.remainingMs() < this.#retry.min_remaining_ms) return false;
    const sent = this.#budget.tryRetry();
    report.retry('inference', sent ? 'sent' : 'over_budget');
    return sent;
  }
}

const isUnavailable = (error: unknown) => error instanceof HeadgateError && error.reason === 'unavailable';

/** One call to one endpoint; it can be ended before its request is over. */
class Attempt implements CallDeadline {
  readonly answer: Promise<ModelInferResponse__Output>;
  readonly #deadline: CallDeadline;
  #ended: HeadgateError | undefined;
  #listener: ((why: HeadgateError) => void) | undefined;

  constructor({ pool }: Candidate, request: ModelInferRequest, context: SentContext) {
    this.#deadline = context.deadline;
    this.answer = pool.infer(request, { ...context, deadline: this });
  }

  get over(): HeadgateError | undefined {
    return this.#ended ?? this.#deadline.over;
  }

  remainingMs(): number {
    return this.#deadline.remainingMs();
  }

  /** For one listener at a time. */
  onOver(listener: (why: HeadgateError) => void): () => void {
    this.#listener = listener;
    return this.#deadline.onOver(listener);
  }

  /** Tells the endpoint that the answer is not needed any more. */
  end(): void {
    this.#ended = new HeadgateError('cancelled', 'Another endpoint answered.');
    this.#listener?.(this.#ended);
  }
}

/** The answer that comes first; the other call is ended. A silent endpoint that is lost has not answered. */
function firstOf(silent: Attempt, other: Attempt): Promise<ModelInferResponse__Output> {
  return new Promise((resolve, reject) => {
    silent.answer.then(
      (answer) => {
        resolve(answer);
        other.end();
      },
      (error) => {
        if (isUnavailable(error)) return;
        reject(error);
        other.end();
      },
    );
    other.answer.then(resolve, reject).finally(() => silent.end());
  });
}

/** The endpoint of a call stopped answering. */
class Silent extends Error {}

/** @throws Silent, and then the answer may still come */
function untilSilent<T>(answer: Promise<T>, endpoint: Candidate): Promise<T> {
  return new Promise((resolve, reject) => {
    const release = endpoint.onSilent(() => {
      release();
      reject(new Silent());
    });
    answer.then(resolve, reject).finally(release);
  });
}
