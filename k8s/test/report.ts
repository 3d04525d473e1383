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

const MARKDOWN_HEAD = [
  '# What the scenarios on a cluster showed',
  '',
  'Three nodes on one machine of two cores, which the load shares (`npm run cluster:up`). Printed by',
  '`npm run test:k8s -- --out docs/cluster-results.md`; with `--only NAME` that writes a single row again.',
  '`sent again` counts requests of HTTP/2 that Envoy refused unseen when it retired their connection: clients send those again.',
  'Times hold for the settings of that cluster; [deploy](deploy.md#what-is-shown) has those of a default one.',
  '',
  '| Scenario | Shows | Requests | Failed | Seconds | Figures | Verdict | When |',
  '|---|---|---|---|---|---|---|---|',
];

/**
 * The results as a page of Markdown, one row per scenario.
 *
 * @param page what it was before: rows of scenarios that did not run now stay
 * @param names all scenarios, in their order
 * @param when date and commit of the run
 */
export function resultsPage(
  page: string,
  results: readonly Result[],
  names: readonly string[],
  when: string,
) {
  const before = page.split('\n');
  const rows = names.flatMap((name) => {
    const result = results.find((one) => one.name === name && one.verdict !== 'skipped');
    return result ? [rowOf(result, when)] : before.filter((line) => line.startsWith(`| \`${name}\` |`));
  });
  return `${[...MARKDOWN_HEAD, ...rows].join('\n')}\n`;
}

function rowOf(
  { name, title, sent, failed, seconds, verdict, figures, problem }: Result,
  when: string,
): string {
  const shown = Object.entries(figures).map(([figure, value]) => `${figure} ${value}`);
  const said = [...shown, ...(problem === undefined ? [] : [problem])].join('; ');
  const cells = [`\`${name}\``, title, String(sent), String(failed), seconds.toFixed(1), said, verdict, when];
  return `| ${cells.map((cell) => cell.replaceAll('|', '/').replaceAll('\n', ' ')).join(' | ')} |`;
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
