import { documentedMetrics } from '@headgate/testkit/documented-metrics';
import { describe, expect, it } from 'vitest';
import { HEADER, healthServiceName, METADATA, METRIC, PORT_OFFSET, portOf, TRITON_METRIC } from './names.ts';

describe('names', () => {
  it('writes headers and metadata keys as they arrive: lower case', () => {
    for (const name of [...Object.values(HEADER), ...Object.values(METADATA)])
      expect(name).toMatch(/^[a-z-]+$/);
  });

  it('gives every metric its own name, prefix and unit', () => {
    const names = Object.values(METRIC);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^headgate_[a-z_]+[a-z]$/);
  });

  it('has every metric in docs/metrics.md, once, and no other', () => {
    const names = [...Object.values(METRIC), ...Object.values(TRITON_METRIC)];
    expect(
      documentedMetrics()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(names.sort());
  });

  it('gives every listener its own port', () => {
    const offsets = Object.values(PORT_OFFSET);
    expect(new Set(offsets).size).toBe(offsets.length);
    expect(portOf(8440, 'https')).toBe(8443);
    expect(portOf(9000, 'inferenceGrpc')).toBe(9004);
  });

  it('names a model version for health checks', () => {
    expect(healthServiceName('efficientnet-lite0', '2')).toBe('efficientnet-lite0/2');
  });
});
