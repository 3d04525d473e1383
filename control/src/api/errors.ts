import { STATUS_CODES } from 'node:http';
import type { Problem } from '@headgate/contracts/admin/api';
import type { Logger } from '@headgate/runtime/logger';
import { AdminError, type ApiContext } from './api-env.ts';

/** The one place that turns errors into answers. The cause of an unexpected one goes to the log alone. */
export function onError(logger: Pick<Logger, 'error'>) {
  return function onError(error: Error, c: ApiContext): Response {
    const refusal = error instanceof AdminError ? error : new AdminError('internal', UNEXPECTED);
    const cause = error instanceof AdminError ? error.cause : error;
    if (refusal.status >= 500 && cause !== undefined) {
      logger.error({ err: cause, path: c.req.path }, 'an admin request failed');
    }
    return problem(c, refusal);
  };
}

const UNEXPECTED = 'This should not happen; the log of control has the cause.';

export function notFound(c: ApiContext): Response {
  return problem(c, new AdminError('not_found', 'There is nothing at this path.'));
}

function problem(c: ApiContext, { status, reason, detail }: AdminError): Response {
  const body: Problem = { status, title: STATUS_CODES[status] ?? reason, reason, detail };
  // The next connection to the Service may lead to another pod.
  if (reason === 'not_leader') c.header('connection', 'close');
  return c.json(body, status, { 'content-type': 'application/problem+json' });
}
