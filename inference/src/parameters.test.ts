import type { ModelInferRequest__Output } from '@headgate/contracts/gen/grpc/inference/ModelInferRequest';
import { BACKGROUND_PARAMETER } from '@headgate/contracts/names';
import { describe, expect, it } from 'vitest';
import { queueTerms } from './parameters.ts';
import { policiesFor } from './testing/policies.ts';

const FOREVER = Number.POSITIVE_INFINITY;

function termsFor(parameters: object, batching: Parameters<typeof policiesFor>[0] = {}) {
  return queueTerms({ parameters } as ModelInferRequest__Output, policiesFor(batching).queue);
}

describe('queueTerms', () => {
  it.each([
    [{}, 2],
    [{ priority: { uint64_param: 0 } }, 2],
    [{ priority: { uint64_param: 1 } }, 1],
    [{ priority: { int64_param: 3 } }, 3],
    [{ priority: { int64_param: 4 } }, 2],
  ])('gives %j level %i of three, of which the second is the default', (parameters, level) => {
    const batching = { priority_levels: 3, default_priority_level: 2 };
    expect(termsFor(parameters, batching).level).toBe(level);
  });

  it('gives background the last level, whatever else it asks', () => {
    const batching = { priority_levels: 3, default_priority_level: 2 };
    const asked = { [BACKGROUND_PARAMETER]: { bool_param: true }, priority: { int64_param: 1 } };
    expect(termsFor(asked, batching).level).toBe(3);
    expect(termsFor({ [BACKGROUND_PARAMETER]: { bool_param: false } }, batching).level).toBe(2);
  });

  it('has one level for all when the model has no priorities', () => {
    expect(termsFor({ priority: { uint64_param: 7 } }).level).toBe(1);
  });

  it.each([
    ['nothing', {}, {}, FOREVER],
    ['the default', {}, { default_timeout_ms: 50 }, 50],
    ['a timeout, which is in microseconds', { timeout: { int64_param: 2500 } }, {}, 2.5],
    ['a shorter one', { timeout: { int64_param: 20_000 } }, { default_timeout_ms: 50 }, 20],
    ['a longer one', { timeout: { int64_param: 90_000 } }, { default_timeout_ms: 50 }, 50],
    ['none by 0', { timeout: { int64_param: 0 } }, { default_timeout_ms: 50 }, 50],
    [
      'one where it is not allowed',
      { timeout: { int64_param: 9 } },
      { allow_timeout_override: false },
      FOREVER,
    ],
  ])('limits the wait when it gets %s', (_, parameters, batching, queueTimeoutMs) => {
    expect(termsFor(parameters, batching).queueTimeoutMs).toBe(queueTimeoutMs);
  });

  it.each([
    { priority: { string_param: '1' } },
    { priority: { int64_param: -1 } },
    { timeout: { bool_param: true } },
    { timeout: { double_param: 5 } },
    { timeout: {} },
  ])('refuses %j, and names the field', (parameters) => {
    expect(() => termsFor(parameters)).toThrow(/^invalid_request: parameters\.(priority|timeout): expected/);
  });
});
