import { HeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { Clock } from '@headgate/runtime/clock';
import type { Layer } from '../context.ts';
import { RequestDeadline, type TimeLimit } from '../deadline.ts';

export interface DeadlineOptions {
  /** Budget of a request that names none, in ms. */
  readonly default_ms: number;
  /** Ceiling of what a caller may ask for, in ms. */
  readonly max_ms: number;
  readonly clock: Clock;
}

const WHOLE_NUMBER = /^[1-9][0-9]{0,8}$/;

/**
 * Gives the request its deadline. Asking for more than the ceiling is no error: the caller gets the ceiling. A caller that
 * names no time has the default one, and in addition the time that its body needs to arrive, up to the ceiling.
 */
export function deadline({ default_ms, max_ms: mostMs, clock }: DeadlineOptions): Layer {
  const limitOf = (header: string | undefined): Omit<TimeLimit, 'startedAtMs'> => {
    if (header === undefined) return { budgetMs: Math.min(default_ms, mostMs), uploadMs: mostMs, mostMs };
    if (WHOLE_NUMBER.test(header)) return { budgetMs: Math.min(Number(header), mostMs), mostMs };
    throw new HeadgateError(
      'invalid_request',
      `${HEADER.timeoutMs} must be a whole number of ms from 1 on; more than ${mostMs} counts as ${mostMs}.`,
    );
  };
  return async function deadline(c, next) {
    const limit = { ...limitOf(c.req.header(HEADER.timeoutMs)), startedAtMs: c.get('startedAtMs') };
    using opened = new RequestDeadline(limit, clock, c.req.raw.signal);
    c.set('deadline', opened);
    await next();
  };
}
