import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '@headgate/testkit/root';

/** Cells of a table of docs/cluster-access.md: the rows that begin with a name in code. */
export function rowsOf(heading: 'Rights' | 'Network'): string[][] {
  const page = readFileSync(join(ROOT, 'docs/cluster-access.md'), 'utf8');
  const [, section = ''] = page.split(`\n## ${heading}\n`);
  const lines = section.split('\n## ')[0]?.split('\n') ?? [];
  const rows = lines.filter((line) => line.startsWith('| `'));
  return rows.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
