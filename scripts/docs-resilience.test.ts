import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentedMetrics } from '@headgate/testkit/documented-metrics';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';

const ROOT = join(import.meta.dirname, '..');
const DIR = join(ROOT, 'observability/prometheus');
const files = readdirSync(DIR);
/** Comes with Debian's package prometheus. */
const hasPromtool = spawnSync('promtool', ['--version']).error === undefined;

const ruleSchema = z.strictObject({
  alert: z.string().regex(/^Headgate[A-Za-z]+$/),
  expr: z.string(),
  for: z
    .string()
    .regex(/^\d+[sm]$/)
    .optional(),
  labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
  annotations: z.strictObject({ summary: z.string().min(1), runbook: z.string() }),
});
const fileSchema = z.strictObject({
  groups: z.array(z.strictObject({ name: z.string(), rules: z.array(ruleSchema).min(1) })).min(1),
});
const rules = files
  .filter((file) => file.endsWith('.rules.yaml'))
  .flatMap((file) => fileSchema.parse(parse(readFileSync(join(DIR, file), 'utf8'))).groups)
  .flatMap((group) => group.rules);
const labelsOf = new Map(documentedMetrics().map(({ name, labels }) => [name, labels]));

describe.each(rules.map((rule) => [rule.alert, rule] as const))(
  'The alert %s',
  (_, { expr, annotations }) => {
    it('asks for metrics and labels that there are', () => {
      const metrics = [...expr.matchAll(/\b(headgate_\w+)(?:\{([^}]*)\})?/g)];
      expect(metrics).not.toEqual([]);
      for (const [, name = '', matchers = ''] of metrics) {
        const labels = labelsOf.get(name);
        expect(labels, `${name} in docs/metrics.md`).toBeDefined();
        for (const [, label = ''] of matchers.matchAll(/(\w+)[=!]/g)) expect(labels).toContain(label);
      }
    });

    it('says where to read on', () => {
      const [page = '', anchor] = annotations.runbook.split('#');
      expect(existsSync(join(ROOT, page))).toBe(true);
      const titles = readFileSync(join(ROOT, page), 'utf8').match(/^#+ .*$/gm) ?? [];
      if (anchor !== undefined) expect(titles.map(anchorOf)).toContain(anchor);
    });
  },
);

/** As the renderers of Markdown make it. */
function anchorOf(title: string): string {
  return title
    .replace(/^#+ /, '')
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

describe('docs/resilience.md', () => {
  const page = readFileSync(join(ROOT, 'docs/resilience.md'), 'utf8');

  it('names alerts that there are', () => {
    const named = [...page.matchAll(/`(Headgate\w+)`/g)].map(([, name]) => name);
    const alerts = rules.map(({ alert }) => alert);
    expect(named.filter((name) => !alerts.includes(name as string))).toEqual([]);
  });

  it('names tests that there are', () => {
    const named = [...page.matchAll(/`([\w./-]+\.test\.ts)`/g)].map(([, file]) => file as string);
    expect(named.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
  });
});

describe.skipIf(!hasPromtool)(
  'Alerts in Prometheus itself (needs promtool, of the package prometheus)',
  () => {
    it.each([
      ...files.filter((file) => file.endsWith('.rules.yaml')).map((file) => ['check', file]),
      ...files.filter((file) => file.endsWith('.test.yaml')).map((file) => ['test', file]),
    ])('promtool %s rules %s', (what, file) => {
      const { status, stdout, stderr } = spawnSync('promtool', [what, 'rules', file], {
        cwd: DIR,
        encoding: 'utf8',
      });
      expect(status, stdout + stderr).toBe(0);
    });
  },
);
