/** Counts of a pytest report. */
interface SuiteCounts {
  readonly tests: number;
  readonly failures: number;
  readonly errors: number;
  readonly skipped: number;
}

const COUNTS = ['tests', 'failures', 'errors', 'skipped'] as const;

/** One report of several, in the form of pytest's own. */
export function mergeReports(reports: readonly string[]): string {
  const total = (name: keyof SuiteCounts) =>
    reports.reduce((sum, report) => sum + Number(attributeOf(report, name) ?? 0), 0);
  const counts = COUNTS.map((name) => `${name}="${total(name)}"`).join(' ');
  const cases = reports.map((report) => /<testsuite\s[^>]*>([\s\S]*)<\/testsuite>/.exec(report)?.[1] ?? '');
  return `<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="clients" ${counts}>${cases.join('')}</testsuite></testsuites>\n`;
}

/** The report of a suite that could not run on this machine. */
export function skippedReport(name: string, reason: string): string {
  return oneCase(name, `<skipped message="${escaped(reason)}"/>`, 'skipped');
}

/** The report of a suite that failed as a whole. */
export function failedReport(name: string, reason: string): string {
  return oneCase(name, `<error message="${escaped(reason)}"/>`, 'errors');
}

function oneCase(name: string, outcome: string, counted: keyof SuiteCounts): string {
  return `<testsuite tests="1" ${counted}="1"><testcase classname="test.clients" name="${name}">${outcome}</testcase></testsuite>`;
}

function attributeOf(report: string, name: string): string | undefined {
  const suite = /<testsuite\s[^>]*>/.exec(report)?.[0] ?? '';
  return new RegExp(`\\b${name}="(\\d+)"`).exec(suite)?.[1];
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
