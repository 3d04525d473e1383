import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../context.ts';

/** The one time budget of a request (decision D4). */
export interface Deadline {
  /** Aborted when the budget is used up or the client went away; its reason is the HeadgateError that says which. */
  readonly signal: AbortSignal;
  /** What is left of the budget in ms; never negative. */
  remainingMs(): number;
  /** Less time than the request had, where a caller grants less; more has no effect. */
  shorten(ms: number): void;
  /** Throws the signal's reason when the request is over: also when its timer is late, on a busy event loop. */
  throwIfOver(): void;
}

export interface DeadlineOptions {
  /** Budget of a request that names none, in ms. */
  readonly default_ms: number;
  /** Ceiling of what a caller may ask for, in ms. */
  readonly max_ms: number;
  readonly clock: Clock;
}

const WHOLE_NUMBER = /^[1-9][0-9]{0,8}$/;

/** Gives the request its deadline. Asking for more than the ceiling is no error: the caller gets the ceiling. */
export function deadline({ default_ms, max_ms, clock }: DeadlineOptions): Layer {
  const budgetOf = (header: string | undefined): number => {
    if (header === undefined) return default_ms;
    if (WHOLE_NUMBER.test(header)) return Math.min(Number(header), max_ms);
    throw new HeadgateError(
      'invalid_request',
      `${HEADER.timeoutMs} must be a whole number of ms from 1 to ${max_ms}.`,
    );
  };
  return async function deadline(c, next) {
    const budgetMs = budgetOf(c.req.header(HEADER.timeoutMs));
    const endsAtMs = c.get('startedAtMs') + budgetMs;
    using opened = openDeadline(endsAtMs, clock, c.req.raw.signal);
    c.set('deadline', opened);
    await next();
  };
}

/**
 * A deadline that ends at `untilMs` of the monotonic clock or when `disconnect` is aborted, whichever comes first.
 * Disposing it releases its timer and its listener and leaves the signal as it is.
 */
export function openDeadline(untilMs: number, clock: Clock, disconnect: AbortSignal): Deadline & Disposable {
  let endsAtMs = untilMs;
  const controller = new AbortController();
  const remainingMs = () => Math.max(0, endsAtMs - clock.monotonicMs());
  const expire = () =>
    controller.abort(new HeadgateError('deadline_exceeded', 'The deadline of the request passed.'));
  const leave = () => controller.abort(new HeadgateError('cancelled', 'The client closed the connection.'));
  let timer = setTimeout(expire, remainingMs());
  if (disconnect.aborted) leave();
  else disconnect.addEventListener('abort', leave, { once: true });
  return {
    signal: controller.signal,
    remainingMs,
    shorten(ms) {
      if (ms >= remainingMs()) return;
      endsAtMs = clock.monotonicMs() + ms;
      clearTimeout(timer);
      timer = setTimeout(expire, ms);
    },
    throwIfOver() {
      if (remainingMs() === 0) expire();
      controller.signal.throwIfAborted();
    },
    [Symbol.dispose]() {
      clearTimeout(timer);
      disconnect.removeEventListener('abort', leave);
    },
  };
}
