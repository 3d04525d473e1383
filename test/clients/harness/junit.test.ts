import { expect, it } from 'vitest';
import { readJunit } from '../../../scripts/test/counts.ts';
import { failedReport, mergeReports, skippedReport } from './junit.ts';

const pytest = (cases: string, counts: string) =>
  `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" ${counts} time="0.1">${cases}</testsuite></testsuites>`;

it('adds up what several clients reported, and keeps the names of failures', () => {
  const merged = mergeReports([
    pytest(
      '<testcase classname="a" name="one" time="0.1"><failure message="no">&lt;why&gt;</failure></testcase><testcase classname="a" name="two"/>',
      'errors="0" failures="1" skipped="0" tests="2"',
    ),
    pytest('<testcase classname="b" name="three"/>', 'errors="0" failures="0" skipped="0" tests="1"'),
    skippedReport('perf_analyzer', 'needs "glibc" <2.38>'),
    failedReport('kserve', 'no such package'),
  ]);
  expect(readJunit(merged)).toEqual({
    passed: 2,
    failed: 2,
    skipped: 1,
    failures: ['a one', 'test.clients kserve'],
  });
});

it('says nothing of a client that was not asked', () => {
  expect(readJunit(mergeReports([]))).toEqual({ passed: 0, failed: 0, skipped: 0, failures: [] });
});
