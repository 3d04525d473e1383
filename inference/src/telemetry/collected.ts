import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import type { VersionName } from './statistics.ts';
import type { Spread } from './version-counters.ts';

/** A metric whose samples are read from live state at each scrape, and that costs nothing until then. */
interface Collected<Value> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly collect: (sample: (labels: Labels, value: Value) => void) => void;
}

type Labels = Readonly<Record<string, string>>;

/** A gauge of live state. Series that `collect` does not name any more are gone. */
export function collectedGauge(registry: Registry, { name, help, labels, collect }: Collected<number>): void {
  new Gauge({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect() {
      this.reset();
      collect((labels, value) => this.set(labels, value));
    },
  });
}

/** A counter that is kept elsewhere. Samples with the same labels are added up. */
export function collectedCounter(
  registry: Registry,
  { name, help, labels, collect }: Collected<number>,
): void {
  new Counter({
    name,
    help,
    labelNames: labels,
    registers: [registry],
    collect() {
      this.reset();
      collect((labels, value) => this.inc(labels, value));
    },
  });
}

/** A histogram that is kept elsewhere. One that has seen no value has no series. */
export function collectedHistogram(registry: Registry, { name, help, collect }: Collected<Spread>): void {
  const get = async () => {
    const values: { labels: Labels; value: number; metricName: string }[] = [];
    collect((labels, { bounds, counts, count, sum }) => {
      if (count === 0) return;
      let below = 0;
      counts.forEach((inBucket, i) => {
        below += inBucket;
        const le = i < bounds.length ? String(bounds[i]) : '+Inf';
        values.push({ labels: { le, ...labels }, value: below, metricName: `${name}_bucket` });
      });
      values.push({ labels, value: sum, metricName: `${name}_sum` });
      values.push({ labels, value: count, metricName: `${name}_count` });
    });
    return { name, help, type: 'histogram', values };
  };
  // A registry needs nothing else of a metric, but its types ask for a class.
  registry.registerMetric({ name, get } as unknown as Metric);
}

/**
 * Metrics with one series per version (`each`), or one per version and value of a further label (`by`).
 *
 * @param expose one of the functions above
 */
export function perVersion<Row extends VersionName, Value>(
  registry: Registry,
  expose: (registry: Registry, metric: Collected<Value>) => void,
  rows: () => readonly Row[],
) {
  const labels = ['model', 'version'];
  return {
    each: (name: string, help: string, read: (row: Row) => Value) =>
      expose(registry, {
        name,
        help,
        labels,
        collect: (sample) => {
          for (const row of rows()) sample({ model: row.model, version: row.version }, read(row));
        },
      }),
    by: (label: string, name: string, help: string, read: (row: Row) => Iterable<readonly [string, Value]>) =>
      expose(registry, {
        name,
        help,
        labels: [...labels, label],
        collect: (sample) => {
          for (const row of rows()) {
            for (const [key, value] of read(row)) {
              sample({ model: row.model, version: row.version, [label]: key }, value);
            }
          }
        },
      }),
  };
}
