import { Counter, Gauge, type Registry } from 'prom-client';

/** Adds one sample to a metric. */
export type Sample<Label extends string> = (labels: Partial<Record<Label, string>>, value: number) => void;

/** A metric whose samples are read from live state when somebody asks, and that costs nothing until then. */
export interface Collected<Label extends string> {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly Label[];
  readonly collect: (sample: Sample<Label>) => void;
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
