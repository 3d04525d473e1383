import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeIssues, IN_WORDS } from './issues.ts';
import { policySchema } from './rollout.ts';

/** The problems that a person reads about a document. */
function problems(schema: z.ZodType, document: unknown): string[] {
  const { error } = schema.safeParse(document, IN_WORDS);
  return error ? describeIssues(error) : [];
}

const step = (changes: object) => ({ steps: [{ weight: 1, ...changes }], guardrails: [{ metric: 'srm' }] });

describe('a problem', () => {
  it.each<[string, object, string]>([
    ['a number that is too small', step({ hold_s: -1 }), 'steps.0.hold_s: expected at least 0, found -1'],
    ['a number that is too large', step({ weight: 101 }), 'steps.0.weight: expected at most 100, found 101'],
    [
      'a part of a whole',
      step({ min_samples: 1.5 }),
      'steps.0.min_samples: expected a whole number, found 1.5',
    ],
    ['another kind', step({ hold_s: 'long' }), 'steps.0.hold_s: expected a number, found text'],
    ['what is missing', step({ weight: undefined }), 'steps.0.weight: expected a number, found nothing'],
    ['a choice', step({ approval: 'auto' }), 'steps.0.approval: expected manual or automatic'],
    [
      'an unknown key',
      step({ hold: 1 }),
      'steps.0: unknown "hold"; did you mean hold_s? known: weight, hold_s, min_samples, approval',
    ],
    [
      'a list without an item',
      { ...step({}), guardrails: [] },
      'guardrails: expected at least 1 item, found 0',
    ],
    [
      'a metric that nobody knows',
      { ...step({}), guardrails: [{ metric: 'cost' }] },
      'guardrails.0.metric: expected one of error_rate, p95_ms, p99_ms, srm, accuracy, reward',
    ],
    ['a document of another kind', [], '(document): expected a mapping, found a list'],
  ])('is %s, in plain words', (_what, document, problem) => {
    expect(problems(policySchema, document)).toEqual([problem]);
  });

  it.each<[string, z.ZodType, unknown, string]>([
    ['text that YAML reads as a number', z.string(), 1, 'a: expected text, found a number; put it in quotes'],
    ['no text', z.string().min(1), '', 'a: expected at least 1 character, found 0'],
    ['zero', z.number().positive(), 0, 'a: expected more than 0, found 0'],
    ['a query that is no number', z.coerce.number(), 'x', 'a: expected a number'],
    ['one of several values', z.union([z.literal(1), z.literal(3)]), 2, 'a: expected 1 or 3, found 2'],
    ['another schema', z.literal(1), 2, 'a: expected 1, found 2'],
    ['a number where a name is allowed', z.literal(['x', 1]), 2, 'a: expected x or 1, found a number'],
    [
      'a name',
      z.record(z.string().regex(/^x/, 'expected an x'), z.any()),
      { y: 1 },
      'a.y: the name cannot be used: expected an x',
    ],
    ['an id', z.uuidv7(), 'x', 'a: expected text in the format UUID'],
    ['null', z.int(), null, 'a: expected a number, found nothing'],
  ])('is %s, in plain words', (_what, schema, value, problem) => {
    expect(problems(z.strictObject({ a: schema }), { a: value })).toEqual([problem]);
  });

  it('is one of the form that the document seems to have', () => {
    const policy = z.strictObject({ policy: z.union([z.string().min(1), policySchema]) });
    expect(problems(policy, { policy: step({ approval: 'x', weight: '1' }) })).toEqual([
      'policy.steps.0.weight: expected a number, found text',
      'policy.steps.0.approval: expected manual or automatic',
    ]);
    expect(problems(policy, { policy: 1 })).toEqual(['policy: expected text or a mapping, found a number']);
  });

  it('never quotes a value, which may be a secret', () => {
    const schema = z.strictObject({ token: z.string().max(3), on: z.boolean(), level: z.enum(['a', 'b']) });
    expect(problems(schema, { token: 's3cr3t', on: 's3cr3t', level: 's3cr3t' }).join()).not.toContain(
      's3cr3t',
    );
    expect(problems(schema, { token: 12_345, on: 12_345, level: 12_345 }).join()).not.toContain('12345');
  });
});
