import type { LiveModel, LiveVariant, LiveView } from '@headgate/contracts/admin/api';
import { expect, it } from 'vitest';
import { liveAnswer } from './answer.ts';

function variant(change: Partial<LiveVariant>): LiveVariant {
  const figures = { window_s: 60, requests: 1000, errors: 0, p50_ms: 10, p95_ms: 20, p99_ms: 30 };
  const usual = { name: 'control', version: '1', role: 'control', weight: 90, ready: true } as const;
  return { ...usual, figures, observed: null, ...change };
}

function answer(variants: readonly LiveVariant[], fresh = true) {
  const model: LiveModel = { model: 'digits', experiment: 'e', variants, versions: [], rollout: null };
  const version = { revision: 'r', changed_at_ms: null, changed_by: null };
  const routing = { ...version, source: 'file', refused: [], in_force: version } as const;
  const view: LiveView = { at_ms: 0, default_model: 'digits', routing, fresh, gateways: [], models: [model] };
  return liveAnswer(view).map(({ text, tone }) => `${tone}: ${text.replaceAll('\u202f', ' ')}`);
}

const candidate = { name: 'candidate', version: '2', role: 'treatment', weight: 10 } as const;

const SPLIT = 'neutral: digits: 90 % of the units get control (version 1) and 10 % candidate (version 2).';

it('says who gets what', () => {
  expect(answer([variant({}), variant(candidate)])).toEqual([SPLIT]);
});

it('names a single version', () => {
  const unused = variant({ ...candidate, weight: 0, ready: false });
  expect(answer([variant({ weight: 100 }), unused])).toEqual([
    'neutral: digits: all units get control (version 1).',
  ]);
});

it('says what is not ready and what fails', () => {
  const figures = { window_s: 60, requests: 200, errors: 4, p50_ms: 1, p95_ms: 1, p99_ms: 1 };
  expect(answer([variant({}), variant({ ...candidate, ready: false, figures })])).toEqual([
    SPLIT,
    'warn: Version 2 (candidate) is not ready everywhere, so control answers its units.',
    'bad: Version 2 (candidate) fails 2 % of its requests: 4 of 200 in 60 s.',
  ]);
});

it('keeps quiet about one failure among few requests', () => {
  const figures = { window_s: 60, requests: 9, errors: 1, p50_ms: 1, p95_ms: 1, p99_ms: 1 };
  expect(answer([variant({ weight: 100, figures })])).toHaveLength(1);
});

it('says when figures are missing', () => {
  expect(answer([variant({ weight: 100, figures: null, ready: false })], false)).toEqual([
    'neutral: digits: all units get control (version 1).',
    'warn: Not every gateway gave its figures in the last 5 s.',
  ]);
});
