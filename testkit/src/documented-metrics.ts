import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMetrics } from './metrics.ts';
import { ROOT } from './root.ts';

const PAGE = join(ROOT, 'docs/metrics.md');
const ROW = /^\| `((?:headgate|nv)_\w+)` \| ([^|]*) \|/;

/** Metrics of docs/metrics.md in their order, each with its labels. */
export function documentedMetrics(): { readonly name: string; readonly labels: readonly string[] }[] {
  return readFileSync(PAGE, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, labels = ''] = ROW.exec(line) ?? [];
      return name === undefined ? [] : [{ name, labels: labels === '–' ? [] : labels.split(', ') }];
    });
}

/** Series of a page whose labels differ from the documentation. */
export function undocumentedLabels(page: string): string[] {
  const documented = new Map(
    documentedMetrics().map(({ name, labels }) => [name, [...labels].sort().join()]),
  );
  return [...parseMetrics(page).families].flatMap(([name, { samples }]) => {
    const wanted = documented.get(name);
    const labelsOf = ({ labels }: (typeof samples)[number]) =>
      Object.keys(labels).filter((key) => key !== 'le');
    const others = samples
      .map((sample) => labelsOf(sample).sort().join())
      .filter((found) => found !== wanted);
    return wanted === undefined ? [] : others.map((found) => `${name}: {${found}}, documented {${wanted}}`);
  });
}
