/** What one scenario showed. */
export interface Result {
  readonly name: string;
  readonly title: string;
  readonly sent: number;
  readonly failed: number;
  /** Failed requests by reason. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly figures: Readonly<Record<string, string | number>>;
  readonly seconds: number;
  readonly verdict: 'passed' | 'failed' | 'skipped';
  /** Why it failed or was skipped. */
  readonly problem?: string;
}

/** One line per scenario, its figures below. */
export function plainTable(results: readonly Result[]): string {
  const width = Math.max(8, ...results.map(({ name }) => name.length));
  const head = `${'scenario'.padEnd(width)}  ${'sent'.padStart(6)}  ${'failed'.padStart(6)}  seconds  verdict`;
  const lines = results.flatMap((result) => {
    const { name, sent, failed, seconds, verdict } = result;
    const cells = [
      String(sent).padStart(6),
      String(failed).padStart(6),
      seconds.toFixed(1).padStart(7),
      verdict,
    ];
    return [[name.padEnd(width), ...cells].join('  '), ...detailsOf(result).map((line) => `    ${line}`)];
  });
  return [head, ...lines].join('\n');
}

function detailsOf({ figures, reasons, problem }: Result): string[] {
  const figure = Object.entries(figures).map(([name, value]) => `${name}: ${value}`);
  const reason = Object.entries(reasons).map(([what, count]) => `${count} × ${what}`);
  return [...(figure.length > 0 ? [figure.join(', ')] : []), ...reason, ...(problem ? [problem] : [])];
}

/** The same as a table of Markdown. */
export function markdownTable(results: readonly Result[]): string {
  const rows = results.map(({ title, sent, failed, seconds, verdict, figures, problem }) => {
    const shown = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
    const said = [...shown, ...(verdict === 'passed' ? [] : [problem ?? ''])].join('; ').replaceAll('|', '/');
    return `| ${title} | ${sent} | ${failed} | ${seconds.toFixed(1)} | ${said.replaceAll('\n', ' ')} | ${verdict} |`;
  });
  const head = '| Scenario | Requests | Failed | Seconds | Figures | Verdict |\n|---|---|---|---|---|---|';
  return [head, ...rows].join('\n');
}

/** JUnit XML, one case per scenario. */
export function junit(results: readonly Result[]): string {
  const count = (verdict: Result['verdict']) => results.filter((one) => one.verdict === verdict).length;
  const cases = results.map(({ name, title, seconds, verdict, problem = '' }) => {
    const attributes = `classname="${escaped(name)}" name="${escaped(title)}" time="${seconds.toFixed(1)}"`;
    const tag = verdict === 'failed' ? 'failure' : 'skipped';
    const inside = verdict === 'passed' ? '' : `<${tag} message="${escaped(problem)}"/>`;
    return `<testcase ${attributes}>${inside}</testcase>`;
  });
  const totals = `tests="${results.length}" failures="${count('failed')}" errors="0" skipped="${count('skipped')}"`;
  return `<?xml version="1.0"?>\n<testsuite name="k8s" ${totals}>\n${cases.join('\n')}\n</testsuite>\n`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('"', '&quot;')
    .replaceAll('\n', '&#10;');
}
