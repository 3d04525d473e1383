import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../context.ts';
import { RequestDeadline } from '../deadline.ts';

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
    using opened = new RequestDeadline(endsAtMs, clock, c.req.raw.signal);
    c.set('deadline', opened);
    await next();
  };
}
