import { describe, expect, it } from 'vitest';
import { faultsTable, type Row, surprises } from './table.ts';

const row = (changes: Partial<Row> & { mayFail?: string[]; mayLose?: boolean } = {}): Row => ({
  fault: {
    name: 'part-kill',
    title: 'the part, SIGKILL',
    layout: 'embedded',
    holdMs: 0,
    mayFail: changes.mayFail ?? [],
    mayLose: changes.mayLose ?? false,
    begin: () => Promise.reject(new Error('not in this test')),
  },
  lastedMs: 3,
  requests: 100,
  failures: {},
  recoveredMs: 1234,
  lost: 0,
  dropped: 0,
  ...changes,
});

describe('The faults table', () => {
  it('says what failed, what was lost and how long it took', () => {
    const lines = faultsTable([row({ failures: { '503 unavailable': 2 }, lost: 5, dropped: 6 })]).split('\n');
    expect(lines[2]).toBe('| the part, SIGKILL | once | 100 | 2 × 503 unavailable | 5 (6 counted) | 1.2 s |');
  });

  it('is surprised by failures that the fault does not allow', () => {
    const failures = { '503 unavailable': 2, '500 internal': 1 };
    expect(surprises(row({ failures, mayFail: ['503 unavailable'] }))).toEqual([
      'part-kill: 1 × 500 internal',
    ]);
  });

  it('is surprised by records that are lost and not counted', () => {
    expect(surprises(row({ lost: 1, dropped: 1 }))).toEqual(['part-kill: 1 records are lost']);
    expect(surprises(row({ lost: 3, dropped: 3, mayLose: true }))).toEqual([]);
    expect(surprises(row({ lost: 3, dropped: 2, mayLose: true }))).toEqual(['part-kill: 1 records are lost']);
  });
});
