import type { Config } from '@headgate/contracts/config/schema';
import { HeadgateError, problemBody, REASONS, type Reason } from '@headgate/contracts/errors';
import { HEADER_KIB } from '@headgate/contracts/limits';
import { HEADER, METADATA, PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { pack } from './any.ts';
import type { AccessLogFilter } from './gen/envoy/config/accesslog/v3/accesslog.ts';
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';
import { MAX_HEADERS, REQUEST_HEADERS_MS, requestTimeoutMs } from './limits.ts';

/**
 * Envoy's own answers, rewritten to what the gateway would say: over HTTP the problem body of
 * contracts/src/errors.ts, over gRPC its sentence and the reason trailer. The first row that matches wins.
 */

interface Row {
  readonly when: AccessLogFilter;
  readonly reason: Reason;
  readonly detail: string;
  /** When the caller may try again. */
  readonly retryAfterMs?: number;
}

/** What a listener enforces, for the sentences about it. */
export interface Enforced {
  /** Largest body that is served. */
  readonly bodyBytes: number;
  /** Longest request. */
  readonly requestMs: number;
}

/** What the public listener enforces; the others take no bodies. */
export function enforcedBy(config: Config): Enforced {
  return { bodyBytes: config.gateway.limits.body_bytes, requestMs: requestTimeoutMs(config) };
}

/** Envoy's flags for 503: no connection, no healthy host, connection or stream lost, protocol error, no cluster. */
const UPSTREAM_FAILED = ['UF', 'UH', 'UC', 'UR', 'UPE', 'NC'];

const HEADERS = `at most ${HEADER_KIB.envoy} KiB in ${MAX_HEADERS} headers are accepted, the address included`;

/** Envoy's details (`response_code_details` in its documentation) of a request that is not HTTP, and what to say. */
const NOT_HTTP: readonly (readonly [details: readonly string[], detail: string])[] = [
  [
    ['http1.unexpected_underscore', 'http2.unexpected_underscore'],
    'The name of a header has an underscore; use hyphens.',
  ],
  [
    ['http1.invalid_transfer_encoding'],
    'Transfer-Encoding can only be chunked; leave it out where Content-Length says how long the body is.',
  ],
  [
    ['http1.content_length_and_chunked_not_allowed'],
    'The request has both Content-Length and Transfer-Encoding; send one of them.',
  ],
  [['missing_host_header'], 'The request has no Host; send the name of the service.'],
  [['http.invalid_authority'], 'Host is no host name; send the name of the service.'],
  [
    ['http1.invalid_characters'],
    'A header has a character that HTTP does not allow, a control character for example.',
  ],
  [
    ['path_normalization_failed'],
    'The path has a fragment (#), a NUL or an escaped slash or backslash; no path of this service needs them.',
  ],
  [
    ['http1.codec_error', 'http1.invalid_url'],
    'What arrived is not HTTP/1.1: its method, address, a header, Content-Length or a chunk is malformed.',
  ],
];

function rows({ bodyBytes, requestMs }: Enforced): readonly Row[] {
  return [
    {
      when: details('low_version'),
      reason: 'http_version',
      detail: 'Send the request over HTTP/1.1 or HTTP/2.',
    },
    {
      when: status(404),
      reason: 'not_found',
      detail: 'There is nothing at this host and path; check the name of the host.',
    },
    { when: status(405), reason: 'method_not_allowed', detail: 'There is no such method in HTTP.' },
    {
      when: details('request_header_timeout'),
      reason: 'upload_timeout',
      detail: `The request headers did not arrive within ${REQUEST_HEADERS_MS / 1000} s.`,
    },
    {
      when: status(408),
      reason: 'upload_timeout',
      detail: `The request did not arrive within ${requestMs / 1000} s; make it smaller.`,
    },
    {
      when: status(413),
      reason: 'body_too_large',
      detail: `A body may have at most ${bodyBytes} bytes; send a smaller image, or fewer in one request.`,
    },
    {
      when: status(431),
      reason: 'headers_too_large',
      detail: `The request headers are too large: ${HEADERS}.`,
    },
    {
      when: status(504),
      reason: 'deadline_exceeded',
      detail: `There was no answer within ${requestMs / 1000} s.`,
    },
    {
      // 507: the body outgrew the retry buffer while a retry was pending, that is, the gateway could not be reached.
      when: anyOf(status(502), status(507), { response_flag_filter: { flags: UPSTREAM_FAILED } }),
      reason: 'unavailable',
      detail: 'The service cannot be reached right now; please try again in 1 s.',
      retryAfterMs: 1000,
    },
    {
      // Rate ceiling: our overload, never the caller's quota (decision 0005).
      when: status(429),
      reason: 'overloaded',
      detail: 'More requests arrive than this service takes from all callers; please try again in 1 s.',
      retryAfterMs: 1000,
    },
    {
      // Circuit breaker, overload manager.
      when: status(503),
      reason: 'overloaded',
      detail: 'Too many requests are in progress; please try again in 1 s.',
      retryAfterMs: 1000,
    },
    ...NOT_HTTP.map(([codes, detail]) => ({
      when: details(...codes),
      reason: 'invalid_request' as const,
      detail,
    })),
    {
      when: status(501),
      reason: 'invalid_request',
      detail: 'The transfer encoding is not supported.',
    },
    {
      when: atLeast(500),
      reason: 'internal',
      detail: 'The request failed. Please send the request id to the operator.',
    },
    {
      when: atLeast(400),
      reason: 'invalid_request',
      detail: 'The request is not valid HTTP for this service.',
    },
  ];
}

/**
 * The request id; where the request was too broken to have one, the moment it began, in ns. The access log writes
 * the same.
 */
export const REQUEST_ID = `%COALESCE(${JSON.stringify({
  operators: [
    { command: 'REQ', param: HEADER.requestId },
    { command: 'START_TIME', param: '%s%9f' },
  ],
})})%`;

/** What every answer has that Envoy makes itself. */
export const PROTECTIVE = Object.entries(PROTECTIVE_HEADERS).map(([name, value]) => header(name, value));

/**
 * Problem bodies (RFC 9457) for the HTTP listeners. Under /v2 they have the member `error` as well and are plain
 * JSON, as the gateway's are there: clients of the Open Inference Protocol read that member.
 *
 * @param headers added to each of them
 */
export function problemReplies(
  enforced: Enforced,
  headers: readonly HeaderValueOption[] = [],
): LocalReplyConfig {
  const mapperOf = (row: Row, { filter, contentType, more }: Form): ResponseMapper => ({
    ...common(row),
    filter: filter ? allOf(filter, row.when) : row.when,
    headers_to_add: [
      ...optional(HEADER.retryAfter, row.retryAfterMs && row.retryAfterMs / 1000),
      header(HEADER.requestId, REQUEST_ID),
      ...PROTECTIVE,
      ...headers,
    ],
    body_format_override: {
      content_type: contentType,
      json_format: {
        ...more(row),
        ...problemBody(new HeadgateError(row.reason, row.detail), REQUEST_ID),
      },
    },
  });
  return { mappers: FORMS.flatMap((form) => rows(enforced).map((row) => mapperOf(row, form))) };
}

/** How a problem is worded, and for which requests; all of them when there is no filter. */
interface Form {
  readonly filter?: AccessLogFilter;
  readonly contentType: string;
  readonly more: (row: Row) => Readonly<Record<string, string>>;
}

const FORMS: readonly Form[] = [
  {
    filter: pathMatches('/v2(/.*)?'),
    contentType: 'application/json',
    more: ({ detail }) => ({ error: detail }),
  },
  { contentType: 'application/problem+json', more: () => ({}) },
];

/** Sentence and reason for the gRPC listener; Envoy turns the body into grpc-message and adds the status code. */
export function grpcReplies(enforced: Enforced): LocalReplyConfig {
  return {
    mappers: rows(enforced).map((row) => ({
      ...common(row),
      headers_to_add: [
        ...optional(METADATA.retryAfterMs, row.retryAfterMs),
        header(METADATA.reason, row.reason),
      ],
      body_format_override: { text_format_source: { inline_string: row.detail } },
    })),
  };
}

function common(row: Row): ResponseMapper {
  return { filter: row.when, status_code: REASONS[row.reason].http };
}

function optional(key: string, value: number | undefined): HeaderValueOption[] {
  return value === undefined ? [] : [header(key, String(value))];
}

/** Sets a header, whatever stood there before. */
export function header(key: string, value: string): HeaderValueOption {
  return { header: { key, value }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' };
}

function status(code: number): AccessLogFilter {
  return compare('EQ', code);
}

function atLeast(code: number): AccessLogFilter {
  return compare('GE', code);
}

/** Envoy's `%RESPONSE_CODE_DETAILS%`: the cause of an answer of its own. */
function details(...codes: string[]): AccessLogFilter {
  const expression = `response.code_details in ${JSON.stringify(codes)}`;
  return {
    extension_filter: {
      name: 'envoy.access_loggers.extension_filters.cel',
      typed_config: pack('envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter', { expression }),
    },
  };
}

function anyOf(...filters: AccessLogFilter[]): AccessLogFilter {
  return { or_filter: { filters } };
}

function allOf(...filters: AccessLogFilter[]): AccessLogFilter {
  return { and_filter: { filters } };
}

/** @param pattern of the whole path, which may have a query behind it */
function pathMatches(pattern: string): AccessLogFilter {
  const regex = `^${pattern}(\\?.*)?$`;
  return { header_filter: { header: { name: ':path', string_match: { safe_regex: { regex } } } } };
}

function compare(op: 'EQ' | 'GE', code: number): AccessLogFilter {
  // The schema demands a runtime key; no runtime layer sets it.
  return {
    status_code_filter: { comparison: { op, value: { default_value: code, runtime_key: 'headgate.none' } } },
  };
}
