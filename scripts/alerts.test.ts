import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentedMetrics } from '@headgate/testkit/documented-metrics';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const DIR = join(import.meta.dirname, '../observability/prometheus');
const files = readdirSync(DIR).filter((file) => file.endsWith('.yaml'));
const rules = files
  .filter((file) => file.endsWith('.rules.yaml'))
  .flatMap((file) => parse(readFileSync(join(DIR, file), 'utf8')).groups)
  .flatMap((group) => group.rules as { alert: string; expr: string; labels: { severity: string } }[]);
const labelsOf = new Map(documentedMetrics().map(({ name, labels }) => [name, labels]));
/** Debian's package prometheus has it. */
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

it.each(rules)('The alert $alert reads metrics and labels that exist', ({ expr, labels }) => {
  expect(labels.severity).toMatch(/^(page|ticket)$/);
  const metrics = [...expr.matchAll(/\b(headgate_\w+)(?:\{([^}]*)\})?/g)];
  expect(metrics).not.toEqual([]);
  for (const [, name = '', matchers = ''] of metrics) {
    expect(labelsOf.get(name), name).toBeDefined();
    for (const [, label = ''] of matchers.matchAll(/(\w+)[=!]/g)) expect(labelsOf.get(name)).toContain(label);
  }
});

describe.skipIf(!hasPromtool)('promtool (needs the package prometheus)', () => {
  it.each(files.map((file) => [file.endsWith('.rules.yaml') ? 'check' : 'test', file]))(
    '%s rules %s',
    (what, file) => {
      const { status, stdout, stderr } = spawnSync('promtool', [what, 'rules', file], {
        cwd: DIR,
        encoding: 'utf8',
      });
      expect(status, stdout + stderr).toBe(0);
    },
  );
});
