import { HeadgateError, problemBody, REASONS, type Reason } from '@headgate/contracts/errors';
import { HEADER, METADATA, PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import type { AccessLogFilter } from './gen/envoy/config/accesslog/v3/accesslog.ts';
import type { HeaderValueOption } from './gen/envoy/config/core/v3/base.ts';
import type {
  LocalReplyConfig,
  ResponseMapper,
} from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';

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

/** Envoy's flags for 503: no connection, no healthy host, connection or stream lost, protocol error, no cluster. */
const UPSTREAM_FAILED = ['UF', 'UH', 'UC', 'UR', 'UPE', 'NC'];

const ROWS: readonly Row[] = [
  { when: status(404), reason: 'not_found', detail: 'There is nothing at this host and path.' },
  { when: status(405), reason: 'method_not_allowed', detail: 'There is no such method in HTTP.' },
  { when: status(408), reason: 'upload_timeout', detail: 'The request did not arrive in time.' },
  { when: status(413), reason: 'body_too_large', detail: 'The body is larger than this service accepts.' },
  { when: status(431), reason: 'headers_too_large', detail: 'Send fewer or smaller request headers.' },
  { when: status(501), reason: 'invalid_request', detail: 'The transfer encoding is not supported.' },
  { when: status(504), reason: 'deadline_exceeded', detail: 'The answer took too long.' },
  {
    // 507: the body outgrew the retry buffer while a retry was pending, that is, the gateway could not be reached.
    when: anyOf(status(502), status(507), { response_flag_filter: { flags: UPSTREAM_FAILED } }),
    reason: 'unavailable',
    detail: 'The service cannot be reached right now. Please try again.',
    retryAfterMs: 1000,
  },
  {
    // Rate ceiling (429), circuit breaker, overload manager: our overload, never the caller's quota (decision 0005).
    when: anyOf(status(429), status(503)),
    reason: 'overloaded',
    detail: 'Too many requests are in progress. Please try again.',
    retryAfterMs: 1000,
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
export function problemReplies(headers: readonly HeaderValueOption[] = []): LocalReplyConfig {
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
  return { mappers: FORMS.flatMap((form) => ROWS.map((row) => mapperOf(row, form))) };
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
export function grpcReplies(): LocalReplyConfig {
  return {
    mappers: ROWS.map((row) => ({
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
