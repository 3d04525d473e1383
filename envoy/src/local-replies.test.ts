import { REASONS, type Reason } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import type { AccessLogFilter } from './gen/envoy/config/accesslog/v3/accesslog.ts';
import type { ResponseMapper } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';
import { grpcReplies, problemReplies } from './local-replies.ts';

interface Failure {
  readonly status: number;
  readonly details?: string;
  readonly flags?: readonly string[];
  readonly path?: string;
}

const ENFORCED = { bodyBytes: 1000, requestMs: 35_000 };

/** The mapper that Envoy would take: the first one whose filter fits. */
function firstMatch(
  mappers: readonly ResponseMapper[],
  { status, details, flags = [], path = '/predict' }: Failure,
) {
  const fits = (filter: AccessLogFilter | undefined): boolean => {
    const { op, value } = filter?.status_code_filter?.comparison ?? {};
    const code = value?.default_value ?? Number.NaN;
    if (op) return op === 'EQ' ? status === code : status >= code;
    if (filter?.and_filter) return filter.and_filter.filters?.every(fits) ?? false;
    const regex = filter?.header_filter?.header?.string_match?.safe_regex?.regex;
    if (regex) return new RegExp(regex).test(path);
    const cel = filter?.extension_filter?.typed_config as { expression?: string } | undefined;
    if (cel?.expression) return JSON.parse(cel.expression.split(' in ')[1] ?? '[]').includes(details);
    if (filter?.or_filter) return filter.or_filter.filters?.some(fits) ?? false;
    return filter?.response_flag_filter?.flags?.some((flag) => flags.includes(flag)) ?? false;
  };
  return mappers.find(({ filter }) => fits(filter));
}

describe('problem bodies of Envoy', () => {
  const mappers = problemReplies(ENFORCED).mappers ?? [];

  it.each<[number, string[], Reason]>([
    [400, ['DPE'], 'invalid_request'],
    [403, [], 'invalid_request'],
    [404, ['NR'], 'not_found'],
    [408, ['SI'], 'upload_timeout'],
    [413, [], 'body_too_large'],
    [429, ['RL'], 'overloaded'],
    [431, ['DPE'], 'headers_too_large'],
    [500, [], 'internal'],
    [501, ['DPE'], 'invalid_request'],
    [502, ['UPE'], 'unavailable'],
    [503, ['UO'], 'overloaded'],
    [503, [], 'overloaded'],
    [503, ['UF'], 'unavailable'],
    [503, ['UH'], 'unavailable'],
    [504, ['UT'], 'deadline_exceeded'],
    [505, [], 'internal'],
    [507, [], 'unavailable'],
  ])('for status %i with flags %j say %s, with the status of that reason', (status, flags, reason) => {
    const mapper = firstMatch(mappers, { status, flags });
    expect(mapper?.status_code).toBe(REASONS[reason].http);
    expect(mapper?.body_format_override?.json_format).toMatchObject({
      status: REASONS[reason].http,
      title: REASONS[reason].title,
      reason,
    });
  });

  it.each<[number, string, Reason]>([
    [426, 'low_version', 'http_version'],
    [408, 'request_header_timeout', 'upload_timeout'],
    [400, 'http1.unexpected_underscore', 'invalid_request'],
    [501, 'http1.invalid_transfer_encoding', 'invalid_request'],
  ])('for status %i with the details %s say %s, in words of their own', (status, details, reason) => {
    const mapper = firstMatch(mappers, { status, details });
    expect(mapper?.status_code).toBe(REASONS[reason].http);
    const without = firstMatch(mappers, { status });
    expect(mapper).not.toBe(without);
  });

  it('cover every error status and no other', () => {
    const uncovered = Array.from({ length: 600 }, (_, status) => status).filter(
      (status) => (firstMatch(mappers, { status }) === undefined) !== status < 400,
    );
    expect(uncovered).toEqual([]);
  });

  it.each([
    ['/v2', 'application/json'],
    ['/v2/models/net/infer', 'application/json'],
    ['/v2/models/net/infer?a=b', 'application/json'],
    ['/v2x', 'application/problem+json'],
    ['/v1/models?path=/v2/', 'application/problem+json'],
  ])('for %s are %s', (path, contentType) => {
    const { body_format_override: body } = firstMatch(mappers, { status: 413, path }) ?? {};
    expect(body?.content_type).toBe(contentType);
    const { error, ...problem } = (body?.json_format ?? {}) as Record<string, unknown>;
    expect(problem).toMatchObject({ status: 413, reason: 'body_too_large' });
    expect(error).toBe(contentType === 'application/json' ? problem.detail : undefined);
  });

  it('never say 429: that is the caller’s quota, which Envoy does not know', () => {
    expect(mappers.map(({ status_code }) => status_code)).not.toContain(429);
  });
});

it('over gRPC the same rows carry the reason as a header', () => {
  const { headers_to_add } =
    firstMatch(grpcReplies(ENFORCED).mappers ?? [], { status: 503, flags: ['UO'] }) ?? {};
  expect(headers_to_add?.map(({ header }) => [header?.key, header?.value])).toEqual([
    ['retry-after-ms', '1000'],
    ['headgate-reason', 'overloaded'],
  ]);
});
