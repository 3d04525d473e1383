import { type Family, parseMetrics, type Sample } from './metrics.ts';

/** Units that Prometheus discourages; its base units are seconds and bytes. */
const ODD_UNITS =
  /_(ms|us|ns|milliseconds|microseconds|minutes|hours|kib|mib|kilobytes|megabytes|percent)(_|$)/;

/**
 * Problems of a page of metrics, more than `promtool check metrics` finds: grammar, help and type, names and units,
 * duplicate series, buckets that do not add up.
 *
 * @param own prefix of our own metrics; the conventions for names apply to these only
 */
export function lintMetrics(page: string, own: string): string[] {
  const { families, problems } = parseMetrics(page);
  for (const [name, family] of families) {
    if (name.startsWith(own)) problems.push(...conventions(name, family));
    problems.push(...repetitions(family));
    if (family.type === 'histogram') problems.push(...buckets(name, family));
  }
  return problems;
}

function conventions(name: string, { help, type, samples }: Family): string[] {
  const rules: [boolean, string][] = [
    [/^[a-z][a-z0-9_]*$/.test(name), 'is not lower snake case'],
    [help.endsWith('.'), 'has no sentence as its help'],
    [(type === 'counter') === name.endsWith('_total'), 'ends in _total exactly if it is a counter'],
    [!/_(bucket|sum|count)$/.test(name), 'ends like a part of a histogram'],
    [!ODD_UNITS.test(name), 'has a unit that is not a base unit'],
    [!new RegExp(`_${type}(_|$)`).test(name), 'has its type in its name'],
    [type !== 'counter' || samples.every(({ value }) => value >= 0), 'is a counter below 0'],
    [
      samples.every(({ labels }) => Object.keys(labels).every((key) => /^[a-z][a-z_]*$/.test(key))),
      'has a label that is not lower snake case',
    ],
  ];
  return rules.filter(([ok]) => !ok).map(([, problem]) => `${name} ${problem}`);
}

function repetitions({ samples }: Family): string[] {
  const series = samples.map(
    ({ name, labels }) => `${name} ${JSON.stringify(Object.entries(labels).sort())}`,
  );
  return series.filter((one, i) => series.indexOf(one) !== i).map((one) => `${one} comes twice`);
}

/** Buckets are cumulative, and the last one equals the count. */
function buckets(name: string, { samples }: Family): string[] {
  const bySeries = new Map<string, Sample[]>();
  for (const sample of samples) {
    const { le: _le, ...labels } = sample.labels;
    const key = JSON.stringify(labels);
    bySeries.set(key, [...(bySeries.get(key) ?? []), sample]);
  }
  return [...bySeries].flatMap(([key, series]) => {
    const counts = series.filter((one) => one.name === `${name}_bucket`).map(({ value }) => value);
    const total = series.find((one) => one.name === `${name}_count`)?.value;
    const grows = counts.every((count, i) => i === 0 || count >= (counts[i - 1] as number));
    return grows && counts.at(-1) === total ? [] : [`${name} ${key}: its buckets do not add up to its count`];
  });
}
