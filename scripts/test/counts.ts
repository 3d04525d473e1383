import type { CheckResult } from '../check/item.ts';

/** Result of a suite. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Names of the failed tests, with their first lines of explanation. */
  readonly failures: readonly string[];
}

/** Reads the text of a report. @throws Error when it is not one */
export type ReportReader = (text: string) => Counts;

/** Enough to find the place; the full text is further up in the output. */
const MESSAGE_LINES = 6;

interface VitestReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

/** vitest --reporter=json. A file that does not load counts as one failed test. */
export const readVitest: ReportReader = (text) => {
  const { testResults } = JSON.parse(text) as VitestReport;
  const failures: string[] = [];
  let passed = 0;
  let skipped = 0;
  for (const file of testResults) {
    const failedBefore = failures.length;
    for (const test of file.assertionResults) {
      if (test.status === 'passed') passed += 1;
      else if (test.status === 'failed') failures.push(explain(test.fullName, test.failureMessages?.[0]));
      else skipped += 1;
    }
    if (file.status === 'failed' && failures.length === failedBefore) {
      failures.push(explain(file.name, file.message));
    }
  }
  return { passed, failed: failures.length, skipped, failures };
};

/** pytest --junitxml. */
export const readJunit: ReportReader = (text) => {
  const suite = /<testsuite\s[^>]*>/.exec(text)?.[0];
  if (suite === undefined) throw new Error('no test suite in the report');
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1] ?? 0);
  const failed = count('failures') + count('errors');
  const cases = text.matchAll(/<testcase classname="([^"]*)" name="([^"]*)"[^>]*>\s*<(?:failure|error)\b/g);
  return {
    passed: count('tests') - failed - count('skipped'),
    failed,
    skipped: count('skipped'),
    failures: [...cases].map(([, group, name]) => `${group} ${name}`),
  };
};

/** npm run check -- --json: each item counts as one test. */
export const readChecks: ReportReader = (text) => {
  const results = JSON.parse(text) as CheckResult[];
  const failed = results.filter((result) => result.problems.length > 0);
  const skipped = results.filter((result) => result.skipped !== undefined).length;
  return {
    passed: results.length - failed.length - skipped,
    failed: failed.length,
    skipped,
    failures: failed.map(({ name, problems }) => explain(name, problems.join('\n'))),
  };
};

/** The sum over all suites, for the closing line. */
export function sum(all: readonly Counts[]): Counts {
  return {
    passed: all.reduce((total, counts) => total + counts.passed, 0),
    failed: all.reduce((total, counts) => total + counts.failed, 0),
    skipped: all.reduce((total, counts) => total + counts.skipped, 0),
    failures: all.flatMap((counts) => counts.failures),
  };
}

/** `12 passed, 0 failed`, and the skipped ones if there are any. */
export function closingLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

function explain(name: string, message = ''): string {
  const lines = message.split('\n').slice(0, MESSAGE_LINES);
  return [name, ...lines.filter((line) => line.trim() !== '').map((line) => `    ${line}`)].join('\n');
}
