import { HeadgateError, problemBody, toHeadgateError } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { ErrorHandler, NotFoundHandler } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { AppEnv, RouteHandler } from './context.ts';

/** When a 503 does not say by itself when to come back. */
const DEFAULT_RETRY_AFTER_MS = 1000;

/**
 * The one place where an error becomes an answer: a problem body (RFC 9457) that carries the request id and
 * nothing internal. Layers see the error itself as `c.error` after `await next()`.
 */
export const onError: ErrorHandler<AppEnv> = (thrown, c) => {
  const error = toHeadgateError(thrown);
  if (error.httpStatus === 401) c.header('www-authenticate', challengeOf(error));
  const retryAfterMs = error.retryAfterMs ?? (error.httpStatus === 503 ? DEFAULT_RETRY_AFTER_MS : undefined);
  if (retryAfterMs !== undefined) c.header(HEADER.retryAfter, String(wholeSeconds(retryAfterMs)));
  const problem = problemBody(error, c.get('requestId'));
  const forOpenInference = isOpenInference(c.req.path);
  c.header('content-type', forOpenInference ? 'application/json' : 'application/problem+json');
  return c.body(
    JSON.stringify(forOpenInference ? { error: error.detail, ...problem } : problem),
    error.httpStatus as ContentfulStatusCode,
  );
};

/** RFC 6750: a token that is not accepted is told apart from none. */
function challengeOf({ reason }: HeadgateError): string {
  const forKeys = 'ApiKey realm="headgate"';
  return reason === 'invalid_token' ? `Bearer realm="headgate", error="invalid_token", ${forKeys}` : forKeys;
}

/**
 * Under /v2 the same body has the member `error` as well, and is plain JSON: clients of the Open Inference Protocol
 * read that member, some of them from `application/json` alone.
 */
function isOpenInference(path: string): boolean {
  return path === '/v2' || path.startsWith('/v2/');
}

/** Throws, so that the layers see an unknown address as an error like any other. */
export const notFound: NotFoundHandler<AppEnv> = () => {
  throw new HeadgateError(
    'not_found',
    'There is nothing at this address; GET /v1/models lists what is served.',
  );
};

/** Answers every method that an address does not have. */
export function methodNotAllowed(allowed: readonly string[]): RouteHandler {
  const allow = allowed.join(', ');
  return function refuseMethod(c) {
    c.header('allow', allow);
    throw new HeadgateError('method_not_allowed', `This address accepts ${allow}.`);
  };
}

/** Seconds for a header, at least 1: rounded up, so that a caller that waits this long does not come too early. */
function wholeSeconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1000));
}
