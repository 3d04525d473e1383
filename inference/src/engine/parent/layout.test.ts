import { describe, expect, it } from 'vitest';
import { layoutOf } from './layout.ts';

const AUTO = { instances: 0, intra_op_threads: 0, decode_threads: 0, devices: [0] };
const cpu = (cores: number) => ({ cores, provider: 'cpu' }) as const;
const cuda = (cores: number) => ({ cores, provider: 'cuda' }) as const;
const layout = (execution: Partial<typeof AUTO>, machine: Parameters<typeof layoutOf>[2], models = {}) =>
  layoutOf({ execution: { ...AUTO, ...execution }, models }, 'm', machine);

describe('layoutOf', () => {
  it('takes what is configured', () => {
    const configured = { instances: 3, intra_op_threads: 5, decode_threads: 2 };
    expect(layout(configured, cpu(8))).toEqual({ devices: [0, 0, 0], intraOpThreads: 5, decodeThreads: 2 });
  });

  it('gives every engine at least one thread, however few cores there are', () => {
    expect(layout({}, cpu(1))).toEqual({ devices: [0], intraOpThreads: 1, decodeThreads: 1 });
    expect(layout({ instances: 4 }, cpu(2))).toMatchObject({ intraOpThreads: 1, decodeThreads: 1 });
  });

  it('gives each core an engine on up to four cores, and each two cores one beyond eight', () => {
    const engines = (cores: number) => layout({}, cpu(cores)).devices.length;
    expect([1, 2, 4, 6, 8, 16].map(engines)).toEqual([1, 2, 4, 4, 4, 8]);
    expect(layout({}, cpu(2))).toMatchObject({ intraOpThreads: 1, decodeThreads: 1 });
    expect(layout({}, cpu(8))).toMatchObject({ intraOpThreads: 2 });
  });

  it('never plans more session threads than there are cores', () => {
    for (let cores = 1; cores <= 128; cores += 1) {
      const { devices, intraOpThreads } = layout({}, cpu(cores));
      expect(devices.length * intraOpThreads).toBeLessThanOrEqual(cores);
    }
  });

  it('counts instances per CUDA device, one by default, and shares the cores among all of them', () => {
    expect(layout({ devices: [0, 2] }, cuda(8))).toMatchObject({ devices: [0, 2], decodeThreads: 4 });
    expect(layout({ devices: [0, 2], instances: 2 }, cuda(8))).toMatchObject({
      devices: [0, 0, 2, 2],
      decodeThreads: 2,
    });
  });

  it('has nothing to do with devices on the CPU', () => {
    expect(layout({ devices: [1, 2], instances: 2 }, cpu(4)).devices).toEqual([0, 0]);
  });

  it('lets a model have its own values, and the common ones where it says nothing', () => {
    const models = { m: { instances: 2 }, other: { intra_op_threads: 7 } };
    expect(layout({ intra_op_threads: 3 }, cpu(8), models)).toMatchObject({
      devices: [0, 0],
      intraOpThreads: 3,
    });
  });

  it('takes no name of a built-in for a model', () => {
    const inference = { execution: AUTO, models: {} };
    expect(layoutOf(inference, 'constructor', cpu(1))).toMatchObject({ devices: [0] });
  });
});
