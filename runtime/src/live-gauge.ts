import { Gauge, type Registry } from 'prom-client';

/** A gauge that is read from live state when Prometheus asks, and costs nothing until then. */
export function liveGauge(registry: Registry, name: string, help: string, value: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(value());
    },
  });
}
