import { HEADER } from './names.ts';

/** What pages of other origins may send and read where `gateway.cors` allows them; the options of Hono's cors(). */
export const CORS = {
  allowMethods: ['GET', 'HEAD', 'POST'],
  allowHeaders: [
    'authorization',
    'content-encoding',
    'content-type',
    HEADER.apiKey,
    HEADER.inferenceHeaderLength,
    HEADER.requestId,
    HEADER.timeoutMs,
    HEADER.traceparent,
    HEADER.tracestate,
    HEADER.unit,
  ],
  exposeHeaders: [
    HEADER.inferenceHeaderLength,
    HEADER.rateLimit,
    HEADER.rateLimitPolicy,
    HEADER.requestId,
    HEADER.retryAfter,
    HEADER.traceId,
  ],
} satisfies Readonly<Record<string, string[]>>;
