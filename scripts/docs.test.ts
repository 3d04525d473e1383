import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { REASONS } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const ROOT = join(import.meta.dirname, '..');
const read = (file: string) => readFileSync(join(ROOT, file), 'utf8');
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => /\.\w+$/.test(file) && existsSync(join(ROOT, file)));

/** As renderers of Markdown make it. */
const anchorOf = (title: string) =>
  title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

function leadsSomewhere(target: string, from = '.'): boolean {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? from : join(dirname(from), path);
  if (!existsSync(join(ROOT, file))) return false;
  const titles = anchor === undefined ? [] : [...read(file).matchAll(/^#+ (.*)$/gm)];
  return anchor === undefined || titles.some(([, title = '']) => anchorOf(title) === anchor);
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}

function settingsIn({ properties = {} }: Schema, path: string[] = []): string[] {
  const below = Object.entries(properties).flatMap(([name, child]) => settingsIn(child, [...path, name]));
  return [path.join('.'), ...below];
}

/** Paths of all values of the chart. */
function valuesIn(node: unknown, path: string[] = []): string[] {
  const children =
    typeof node === 'object' && node !== null && !Array.isArray(node) ? Object.entries(node) : [];
  return [path.join('.'), ...children.flatMap(([name, child]) => valuesIn(child, [...path, name]))];
}

const settings = [
  ...settingsIn(JSON.parse(read('contracts/schema/config.schema.json'))),
  ...valuesIn(parse(read('k8s/chart/values.yaml'))),
];
const SECTIONS =
  /`((?:listen|gateway|inference|records|capture|audit|envoy|telemetry|dependencies)(?:\.[a-z]\w*)+)/g;
const pages = files.filter((file) => file.endsWith('.md'));
const decisions = readdirSync(join(ROOT, 'docs/decisions')).map((file) => Number.parseInt(file, 10));
const alerts = readdirSync(join(ROOT, 'observability/prometheus'))
  .filter((file) => file.endsWith('.rules.yaml'))
  .flatMap((file) => parse(read(`observability/prometheus/${file}`)).groups)
  .flatMap(({ rules }) => rules as { alert: string; annotations: { runbook: string } }[]);

describe.each(pages)('%s', (page) => {
  const text = read(page);
  const all = (pattern: RegExp) => [...text.matchAll(pattern)].map(([, match]) => match as string);

  it('links to files and headings that exist', () => {
    const links = all(/\]\(([^)\s]+)\)/g).filter((link) => !/^\w+:/.test(link));
    expect(links.filter((link) => !leadsSomewhere(link, page))).toEqual([]);
  });

  it('names files, settings and alerts that exist', () => {
    const named = all(/`((?:[a-z]+|load-tests)\/[\w./-]+\.(?:ts|mjs|py|sh|proto))`/g);
    // What the reader of a tutorial writes lies in state/.
    const packages = named.filter((file) => !file.startsWith('state/'));
    const inPackages = packages.filter((file) => existsSync(join(ROOT, file.split('/')[0] as string)));
    expect(inPackages.filter((file) => !existsSync(join(ROOT, file)))).toEqual([]);
    expect(all(SECTIONS).filter((name) => page !== 'CHANGELOG.md' && !settings.includes(name))).toEqual([]);
    const names = alerts.map(({ alert }) => alert);
    expect(all(/`(Headgate[A-Z]\w+)`/g).filter((name) => !names.includes(name))).toEqual([]);
  });
});

it('Code and configuration name pages and decisions that exist', () => {
  const sources = files.filter((file) => /\.(tsx?|mjs|py|sh|ya?ml)$/.test(file));
  const dead = sources.flatMap((file) => {
    const text = read(file);
    const links = (text.match(/\bdocs\/[\w/-]+\.md(#[\w-]+)?/g) ?? []).filter(
      (link) => !leadsSomewhere(link),
    );
    const numbers = [...text.matchAll(/\bdecision (\d+)/g)].map(([, number]) => Number(number));
    const unknown = numbers.filter((number) => !decisions.includes(number));
    return [...links, ...unknown.map((number) => `decision ${number}`)].map((name) => `${file}: ${name}`);
  });
  expect(dead).toEqual([]);
});

it('docs/api.md has every reason for a refusal, at its status', () => {
  const text = read('docs/api.md');
  const rows = [...text.matchAll(/^\| (\d{3}) \| (.*) \|$/gm)].flatMap(([, status, cell = '']) =>
    [...cell.matchAll(/`([a-z_]+)`/g)].map(([, reason]) => `${status} ${reason}`),
  );
  // 499 is the log's word for a client that went away.
  const known = Object.entries(REASONS).filter(([reason]) => reason !== 'cancelled');
  expect(known.map(([reason, { http }]) => `${http} ${reason}`).filter((row) => !rows.includes(row))).toEqual(
    [],
  );
});

it.each(Array.from({ length: 10 }, (_, i) => `API${i + 1}`))(
  'docs/security.md shows a test for %s',
  (risk) => {
    const row = read('docs/security.md')
      .split('\n')
      .find((line) => line.startsWith(`| ${risk} `));
    expect(row).toMatch(/`[\w./-]+\.test\.ts`/);
  },
);

it.each(alerts)('The alert $alert links a page to read on', ({ annotations }) => {
  expect(leadsSomewhere(annotations.runbook)).toBe(true);
});
