import { Counter, Gauge, type Metric, type Registry } from 'prom-client';
import type { Spread } from './version-counters.ts';

/** Adds one sample to a metric. */
export type Sample<Label extends string, Value = number> = (labels: Labels<Label>, value: Value) => void;

type Labels<Label extends string> = Partial<Record<Label, string>>;

/** A metric whose samples are read from live state when somebody asks, and that costs nothing until then. */
export interface Collected<Label extends string, Value = number> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
  readonly collect: (sample: Sample<Label, Value>) => void;
}

/** A gauge of live state. Series that `collect` does not name any more are gone. */
export function collectedGauge<Label extends string>(registry: Registry, metric: Collected<Label>): void {
  new Gauge<Label>({
    name: metric.name,
    help: metric.help,
    labelNames: metric.labels,
    registers: [registry],
    collect() {
      this.reset();
      metric.collect((labels, value) => this.set(labels as Record<Label, string>, value));
    },
  });
}

/** A counter that is kept elsewhere. Samples with the same labels are added up. */
export function collectedCounter<Label extends string>(registry: Registry, metric: Collected<Label>): void {
  new Counter<Label>({
    name: metric.name,
    help: metric.help,
    labelNames: metric.labels,
    registers: [registry],
    collect() {
      this.reset();
      metric.collect((labels, value) => this.inc(labels as Record<Label, string>, value));
    },
  });
}

/** A histogram that is kept elsewhere. One that has seen no value has no series. */
export function collectedHistogram<Label extends string>(
  registry: Registry,
  { name, help, collect }: Collected<Label, Spread>,
): void {
  const get = async () => {
    const values: { labels: Labels<string>; value: number; metricName: string }[] = [];
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
