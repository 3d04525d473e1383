import { describe, expect, it } from 'vitest';
import { closingLine, readChecks, readJunit, readVitest, sum } from './counts.ts';

describe('the report of vitest', () => {
  const report = (...testResults: object[]) => JSON.stringify({ testResults });
  const test = (status: string, fullName = 'a test') => ({
    status,
    fullName,
    failureMessages: ['expected 1'],
  });

  it('is counted test by test', () => {
    const tests = [test('passed'), test('passed'), test('failed', 'adds up'), test('pending'), test('todo')];
    const text = report({ name: 'a.test.ts', status: 'failed', assertionResults: tests });
    expect(readVitest(text)).toEqual({
      passed: 2,
      failed: 1,
      skipped: 2,
      failures: ['adds up\n    expected 1'],
    });
  });

  it('has one failure for a file that could not be loaded', () => {
    const broken = { name: 'b.test.ts', status: 'failed', message: 'no such module', assertionResults: [] };
    const fine = { name: 'a.test.ts', status: 'passed', assertionResults: [test('passed')] };
    expect(readVitest(report(fine, broken))).toEqual({
      passed: 1,
      failed: 1,
      skipped: 0,
      failures: ['b.test.ts\n    no such module'],
    });
  });
});

describe('the report of pytest', () => {
  const suite = (attributes: string, cases = '') =>
    `<?xml version="1.0"?><testsuites name="pytest tests"><testsuite name="pytest" ${attributes} time="1.2">${cases}</testsuite></testsuites>`;

  it('is counted by its totals, errors being failures', () => {
    const cases =
      '<testcase classname="tests.test_a" name="test_fine" time="0.1" />' +
      '<testcase classname="tests.test_a" name="test_bad" time="0.1"><failure message="no">x</failure></testcase>' +
      '<testcase classname="tests.test_b" name="test_worse" time="0.1"><error message="no">x</error></testcase>';
    expect(readJunit(suite('errors="1" failures="1" skipped="1" tests="7"', cases))).toEqual({
      passed: 4,
      failed: 2,
      skipped: 1,
      failures: ['tests.test_a test_bad', 'tests.test_b test_worse'],
    });
  });

  it('is refused when it is none', () => {
    expect(() => readJunit('<html/>')).toThrow('no test suite');
  });
});

it('counts each check as one test', () => {
  const results = [
    { name: 'types', problems: [], durationMs: 1 },
    { name: 'lint', problems: ['a.ts is wrong'], durationMs: 1 },
  ];
  expect(readChecks(JSON.stringify(results))).toEqual({
    passed: 1,
    failed: 1,
    skipped: 0,
    failures: ['lint\n    a.ts is wrong'],
  });
});

it('sums up, and closes with a line that names skipped tests only if there are any', () => {
  const total = sum([
    { passed: 10, failed: 0, skipped: 0, failures: [] },
    { passed: 2, failed: 1, skipped: 3, failures: ['x'] },
  ]);
  expect(total).toEqual({ passed: 12, failed: 1, skipped: 3, failures: ['x'] });
  expect(closingLine(total)).toBe('12 passed, 1 failed, 3 skipped');
  expect(closingLine({ ...total, failed: 0, skipped: 0 })).toBe('12 passed, 0 failed');
});
