import { describe, expect, it } from 'vitest';
import { grpcAccessLog, httpAccessLog } from './access-log.ts';

describe.each([
  ['HTTP', httpAccessLog('x')],
  ['gRPC', grpcAccessLog('x')],
])('the access log of %s', (_, logs) => {
  const text = JSON.stringify(logs);

  it.each(['x-api-key', 'authorization', 'cookie', 'x-headgate-unit'])('does not write %s', (name) => {
    expect(text.toLowerCase()).not.toContain(name);
  });

  it('writes paths without their query', () => {
    expect(text).toContain('%PATH(NQ:PATH):512%');
    expect(text).not.toMatch(/%REQ\(:path\)|%REQ\(x-envoy-original-path|QUERY_PARAM/i);
  });

  it('bounds what a client can write', () => {
    for (const [, operator, limit] of text.matchAll(/%(REQ\([^)]*\))(:\d+)?%/g)) {
      expect([operator, limit]).toEqual([operator, operator === 'REQ(:method)' ? limit : expect.any(String)]);
    }
  });
});
