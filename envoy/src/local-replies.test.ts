import { REASONS, type Reason } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import type { AccessLogFilter } from './gen/envoy/config/accesslog/v3/accesslog.ts';
import type { ResponseMapper } from './gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.ts';
import { grpcReplies, problemReplies } from './local-replies.ts';

/** The mapper that Envoy would take: the first one whose filter fits. */
function firstMatch(mappers: readonly ResponseMapper[], status: number, flags: readonly string[] = []) {
  const fits = (filter: AccessLogFilter | undefined): boolean => {
    const { op, value } = filter?.status_code_filter?.comparison ?? {};
    const code = value?.default_value ?? Number.NaN;
    if (op) return op === 'EQ' ? status === code : status >= code;
    if (filter?.or_filter) return filter.or_filter.filters?.some(fits) ?? false;
    return filter?.response_flag_filter?.flags?.some((flag) => flags.includes(flag)) ?? false;
  };
  return mappers.find(({ filter }) => fits(filter));
}

describe('problem bodies of Envoy', () => {
  const mappers = problemReplies().mappers ?? [];

  it.each<[number, string[], Reason]>([
    [400, ['DPE'], 'invalid_request'],
    [403, [], 'invalid_request'],
    [404, ['NR'], 'not_found'],
    [408, ['SI'], 'upload_timeout'],
    [413, [], 'body_too_large'],
    [426, [], 'invalid_request'],
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
    const mapper = firstMatch(mappers, status, flags);
    expect(mapper?.status_code).toBe(REASONS[reason].http);
    expect(mapper?.body_format_override?.json_format).toMatchObject({
      status: REASONS[reason].http,
      title: REASONS[reason].title,
      reason,
    });
  });

  it('cover every error status and no other', () => {
    const uncovered = Array.from({ length: 600 }, (_, status) => status).filter(
      (status) => (firstMatch(mappers, status) === undefined) !== status < 400,
    );
    expect(uncovered).toEqual([]);
  });

  it('never say 429: that is the caller’s quota, which Envoy does not know', () => {
    expect(mappers.map(({ status_code }) => status_code)).not.toContain(429);
  });
});

it('over gRPC the same rows carry the reason as a header', () => {
  const { headers_to_add } = firstMatch(grpcReplies().mappers ?? [], 503, ['UO']) ?? {};
  expect(headers_to_add?.map(({ header }) => [header?.key, header?.value])).toEqual([
    ['retry-after-ms', '1000'],
    ['headgate-reason', 'overloaded'],
  ]);
});
