import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { fromServiceError } from './failure.ts';

const failed = (code: status, details: string, trailers: Record<string, string> = {}) => {
  const metadata = new Metadata();
  for (const [key, value] of Object.entries(trailers)) metadata.set(key, value);
  const error = Object.assign(new Error(`${code} ${details}`), { code, details, metadata });
  return fromServiceError(error, { over: undefined });
};

describe('A failed unary call', () => {
  it('has the reason and the sentence of inference, and when to come back', () => {
    const trailers = { 'headgate-reason': 'overloaded', 'retry-after-ms': '250' };
    expect(failed(status.RESOURCE_EXHAUSTED, 'The queue is full.', trailers)).toMatchObject({
      reason: 'overloaded',
      detail: 'The queue is full.',
      retryAfterMs: 250,
    });
  });

  it.each([
    [
      'a reason that contradicts the status',
      status.INTERNAL,
      { 'headgate-reason': 'rate_limited' },
      'internal',
    ],
    ['an unknown reason', status.UNAVAILABLE, { 'headgate-reason': 'toString' }, 'unavailable'],
    ['no reason', status.UNAVAILABLE, {}, 'unavailable'],
    ['no reason', status.RESOURCE_EXHAUSTED, {}, 'overloaded'],
    ['no reason', status.NOT_FOUND, {}, 'unknown_model'],
    ['no reason', status.UNKNOWN, {}, 'internal'],
    ['no reason', status.PERMISSION_DENIED, {}, 'internal'],
  ])('shows nothing of the details when it comes with %s (%s)', (_, code, trailers, reason) => {
    const error = failed(code, 'connect ECONNREFUSED 10.1.2.3:9', trailers);
    expect(error.reason).toBe(reason);
    expect(error.detail).not.toMatch(/ECONN|10\.1/);
    expect(String((error.cause as Error).message)).toContain('ECONNREFUSED');
  });

  it.each([
    ['-5', undefined],
    ['soon', undefined],
    ['99999999', 60_000],
  ])('bounds a retry-after of %j', (text, retryAfterMs) => {
    expect(failed(status.UNAVAILABLE, 'x', { 'retry-after-ms': text }).retryAfterMs).toBe(retryAfterMs);
  });
});
