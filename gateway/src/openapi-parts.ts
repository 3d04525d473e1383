import { HeadgateError, problemBody, REASONS, type Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { type createRoute, z } from '@hono/zod-openapi';
import { reasonSchema } from './routes/predict/schema.ts';

type Responses = Parameters<typeof createRoute>[0]['responses'];

/** What operations of the OpenAPI document have in common. */

const problemMembers = {
  type: z.string().openapi({ example: 'urn:headgate:problem:rate_limited' }),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('What is wrong with this request, and what to do.'),
  reason: reasonSchema,
  request_id: z.string().describe('The same as the header X-Request-Id of the answer.'),
};

const problemSchema = z
  .object(problemMembers)
  .openapi('Problem', { description: 'RFC 9457 problem body. `reason` is the member to switch on.' });

const openInferenceProblemSchema = z
  .object({
    error: z.string().describe('The same as `detail`: what clients of the Open Inference Protocol read.'),
    ...problemMembers,
  })
  .openapi('OpenInferenceProblem', { description: 'A problem body with the member `error`.' });

/** How refusals of an operation are answered. */
const PROBLEM = { type: 'application/problem+json', component: 'Problem' };
export const OPEN_INFERENCE_PROBLEM = { type: 'application/json', component: 'OpenInferenceProblem' };
/** By the name of their component. */
export const PROBLEM_SCHEMAS = { Problem: problemSchema, OpenInferenceProblem: openInferenceProblemSchema };

const EXAMPLE_ID = '01a205d8-12ea-7d41-8a6e-5b1f0c2d3e4f';
/** What answers say in the cases that callers meet most. */
const DETAILS: { readonly [reason in Reason]?: string } = {
  missing_credential: 'Send an API key in the header x-api-key.',
  wrong_key: 'The API key is not accepted.',
  unknown_model: 'The model is not served here; GET /v1/models lists what is served.',
  body_too_large: 'A body may have at most 10485760 bytes.',
  unsupported_media_type: 'The bytes are no JPEG, PNG or WebP image.',
  undecodable_image: 'The header of the image is damaged or cut off.',
  rate_limited: 'The quota of this key is used up; try again in 27 s.',
};

/** Envoy refuses some requests before it knows their path, so not in the form that the path would ask for. */
const REFUSED_EARLY = new Set(['400', '431']);

/** Headers that answers share, as components of the document. */
export const SHARED_HEADERS = {
  RateLimit: {
    description:
      'What is left of each quota that the request was charged to: `r` points for `t` more seconds (draft-ietf-httpapi-ratelimit-headers-11). Absent where nothing is limited.',
    schema: { type: 'string' as const },
    example: '"key/predict/default/requests/60";r=9;t=60',
  },
  RateLimitPolicy: {
    description:
      'Those quotas: `q` points in `w` seconds. A point is a request unless `qu` says `images` or `engine_ms`.',
    schema: { type: 'string' as const },
    example: '"key/predict/default/requests/60";q=10;w=60',
  },
  RetryAfter: {
    description: 'Seconds after which the same request may succeed.',
    schema: { type: 'integer' as const, minimum: 1 },
  },
};

const shared = (name: keyof typeof SHARED_HEADERS) => ({ $ref: `#/components/headers/${name}` });
export const QUOTA_HEADERS = {
  RateLimit: shared('RateLimit'),
  'RateLimit-Policy': shared('RateLimitPolicy'),
};
const RETRY_AFTER = { 'Retry-After': shared('RetryAfter') };
/** Statuses that say when to come back. */
const COME_BACK = new Set(['429', '503']);

/** The refusals of an operation, by status: each a component that operations share. */
export function problems(reasons: readonly Reason[], { component } = PROBLEM): Responses {
  const statuses = new Set(reasons.map((reason) => REASONS[reason].http));
  return Object.fromEntries(
    [...statuses].map((status) => [status, { $ref: `#/components/responses/${component}${status}` }]),
  ) as unknown as Responses;
}

/** Not of one operation: addresses and methods that do not exist, preflight requests, and answers that nobody receives. */
const ELSEWHERE: ReadonlySet<Reason> = new Set([
  'not_found',
  'method_not_allowed',
  'origin_not_allowed',
  'cancelled',
]);
const DESCRIBED = (Object.keys(REASONS) as Reason[]).filter((reason) => !ELSEWHERE.has(reason));

/** All refusals, as components of the document: one for each status and form. */
export function problemComponents(): Record<string, object> {
  const byStatus = Object.groupBy(DESCRIBED, (reason) => REASONS[reason].http);
  return Object.fromEntries(
    Object.entries(byStatus).flatMap(([status, reasons = []]) =>
      [PROBLEM, OPEN_INFERENCE_PROBLEM].map((form) => [
        `${form.component}${status}`,
        {
          description: reasons.map((reason) => `\`${reason}\`: ${REASONS[reason].title}`).join('; '),
          headers: { ...QUOTA_HEADERS, ...(COME_BACK.has(status) && RETRY_AFTER) },
          content: Object.fromEntries(
            (REFUSED_EARLY.has(status) ? [PROBLEM, form] : [form]).map((each) => [
              each.type,
              {
                schema: { $ref: `#/components/schemas/${each.component}` },
                examples: examplesOf(each, reasons),
              },
            ]),
          ),
        },
      ]),
    ),
  );
}

function examplesOf({ component }: typeof PROBLEM, reasons: readonly Reason[]) {
  const bodyOf = (reason: Reason) => {
    const body = problemBody(
      new HeadgateError(reason, DETAILS[reason] ?? `${REASONS[reason].title}.`),
      EXAMPLE_ID,
    );
    return component === PROBLEM.component ? body : { error: body.detail, ...body };
  };
  return Object.fromEntries(
    reasons.map((reason) => [reason, { summary: REASONS[reason].title, value: bodyOf(reason) }]),
  );
}

/** All reasons in one table of Markdown. */
export const REASON_TABLE = [
  '| `reason` | Status and meaning |',
  '|---|---|',
  ...DESCRIBED.map((reason) => {
    const { http, title, retryable } = REASONS[reason];
    return `| \`${reason}\` | ${http}. ${title}${retryable ? '; it may succeed later' : ''} |`;
  }),
].join('\n');

/** An answer with a body, of which there is one example, or several by name. */
export const answer = (description: string, schema: z.ZodType, shown: Shown) => ({
  description,
  headers: QUOTA_HEADERS,
  content: { 'application/json': { schema, ...shown } },
});

export type Shown =
  | { readonly example: unknown }
  | { readonly examples: Record<string, { summary: string; value: unknown }> };

const name = (example: string) => z.string().openapi({ example });
const model = name('efficientnet-lite0');
const byModel = { params: z.object({ model }) };
const byVersion = { params: z.object({ model, version: name('1') }) };

/** The parameters that a path names. */
export function paramsOf(path: string): { params?: z.ZodObject } {
  if (path.includes('{version}')) return byVersion;
  return path.includes('{model}') ? byModel : {};
}

export const predictHeaders = z.object({
  [HEADER.unit]: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .optional()
    .describe('Stable unit of the experiment, such as a user or a device; the API key when absent.'),
  [HEADER.timeoutMs]: z
    .string()
    .regex(/^[1-9][0-9]{0,8}$/)
    .optional()
    .describe('Time budget in ms; capped.'),
  'content-encoding': z.enum(['gzip', 'deflate']).optional().describe('How the body is compressed.'),
});

/** Reasons for which any request can be refused. */
export const ANY: readonly Reason[] = [
  'invalid_request',
  'missing_credential',
  'invalid_token',
  'wrong_key',
  'scope_missing',
  'http_version',
  'rate_limited',
  'headers_too_large',
  'internal',
  'overloaded',
];

/** Reasons that only requests to a model have. */
export const MODEL: readonly Reason[] = ['unknown_model', 'unavailable', 'deadline_exceeded'];

/** Reasons that only requests with a body have. */
export const BODY: readonly Reason[] = [
  'empty_body',
  'upload_timeout',
  'body_too_large',
  'unsupported_media_type',
];
