import { array, assert, constantFrom, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  GRPC_CODE,
  HeadgateError,
  isReason,
  mostSevere,
  problemBody,
  REASONS,
  type Reason,
  reasonOfGrpcCode,
  toHeadgateError,
} from './errors.ts';

const ALL = Object.keys(REASONS) as Reason[];

describe('REASONS', () => {
  it('keeps the meaning of 429, 503 and 504 apart (decision 0005)', () => {
    const withStatus = (http: number) => ALL.filter((reason) => REASONS[reason].http === http);
    expect(withStatus(429)).toEqual(['rate_limited']);
    expect(withStatus(503)).toEqual(['overloaded', 'unavailable', 'records_unavailable']);
    expect(withStatus(504)).toEqual(['deadline_exceeded']);
    expect(withStatus(401)).toEqual(['missing_credential', 'invalid_token']);
    expect(withStatus(403)).toEqual(['wrong_key', 'scope_missing', 'origin_not_allowed']);
  });

  it('calls every 5xx retryable except our own mistake, and of the 4xx only those that pass with time', () => {
    const retryable = ALL.filter((reason) => REASONS[reason].retryable);
    expect(retryable).toEqual([
      'upload_timeout',
      'rate_limited',
      'overloaded',
      'unavailable',
      'records_unavailable',
      'deadline_exceeded',
    ]);
  });

  it.each(ALL)('has a title and a status that fit each other: %s', (reason) => {
    const { http, grpc, title } = REASONS[reason];
    expect(title).toMatch(/^[A-Z].*[^.]$/);
    expect(http).toBeGreaterThanOrEqual(400);
    expect(Object.values(GRPC_CODE)).toContain(grpc);
  });
});

describe('isReason', () => {
  it.each(['toString', '__proto__', 'constructor', '', 'Internal', undefined, null, 7, {}])(
    'knows %j for none',
    (value) => {
      expect(isReason(value)).toBe(false);
    },
  );

  it.each(ALL)('knows %s', (reason) => {
    expect(isReason(reason)).toBe(true);
  });
});

describe('toHeadgateError', () => {
  it('hands back what is one already', () => {
    const error = new HeadgateError('overloaded', 'Later.', { retryAfterMs: 250 });
    expect(toHeadgateError(error)).toBe(error);
    expect(error).toMatchObject({
      httpStatus: 503,
      grpcCode: GRPC_CODE.RESOURCE_EXHAUSTED,
      retryAfterMs: 250,
    });
  });

  it.each([
    new Error('connect ECONNREFUSED /var/run/secret'),
    'ECONNREFUSED',
    undefined,
    { ECONNREFUSED: 1 },
  ])('keeps the message of anything else from callers', (thrown) => {
    const error = toHeadgateError(thrown);
    expect(error.reason).toBe('internal');
    expect(error.cause).toBe(thrown);
    expect(JSON.stringify(problemBody(error, 'r-1'))).not.toContain('ECONNREFUSED');
  });
});

describe('problemBody', () => {
  it('is a problem of RFC 9457 with reason and request id', () => {
    const error = new HeadgateError('image_too_large', 'At most 40 megapixels.', {
      cause: new Error('inner'),
    });
    expect(problemBody(error, 'r-1')).toEqual({
      type: 'urn:headgate:problem:image_too_large',
      title: 'The image is too large',
      status: 413,
      detail: 'At most 40 megapixels.',
      reason: 'image_too_large',
      request_id: 'r-1',
    });
  });
});

describe('reasonOfGrpcCode', () => {
  it.each([
    [GRPC_CODE.UNAVAILABLE, 'unavailable'],
    [GRPC_CODE.FAILED_PRECONDITION, 'unavailable'],
    [GRPC_CODE.RESOURCE_EXHAUSTED, 'overloaded'],
    [GRPC_CODE.DEADLINE_EXCEEDED, 'deadline_exceeded'],
    [GRPC_CODE.CANCELLED, 'cancelled'],
    [GRPC_CODE.INVALID_ARGUMENT, 'invalid_request'],
    [GRPC_CODE.NOT_FOUND, 'unknown_model'],
    [GRPC_CODE.UNAUTHENTICATED, 'internal'],
    [2, 'internal'],
    [99, 'internal'],
  ])('maps code %i to %s', (code, reason) => {
    expect(reasonOfGrpcCode(code)).toBe(reason);
  });
});

describe('mostSevere', () => {
  it('picks the highest status, so ours before the caller’s, and the first among equals', () => {
    expect(mostSevere(['undecodable_image', 'internal', 'empty_body'])).toBe('internal');
    expect(mostSevere(['overloaded', 'unavailable'])).toBe('overloaded');
    assert(
      property(array(constantFrom(...ALL), { minLength: 1 }), (reasons) => {
        const worst = mostSevere(reasons);
        expect(reasons).toContain(worst);
        for (const reason of reasons)
          expect(REASONS[worst].http).toBeGreaterThanOrEqual(REASONS[reason].http);
      }),
    );
  });

  it('needs at least one', () => {
    expect(() => mostSevere([])).toThrow(RangeError);
  });
});
