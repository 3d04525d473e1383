import { z } from 'zod';

const ms = z.number().min(0);
/** CPU-ms of a request: while others follow, and more where the process slept before. */
const costSchema = z.strictObject({ busy_ms: ms, wake_ms: ms.default(0) });

/**
 * What the simulator knows of a deployment: measured times of one photo and one model, and where each part runs.
 * `npm run bench:capacity` measures one on this machine.
 */
export const calibrationSchema = z.strictObject({
  /** What was measured, where; or on which figures it rests. */
  source: z.string().min(1),
  /** Ms of a run by batch size, alone on the machine, mean; sizes between are interpolated. */
  run_ms: z.record(z.string().regex(/^[1-9]\d{0,3}$/), z.number().positive()),
  /** By how much single runs differ from that: factors, all equally likely. */
  run_spread: z.array(z.number().positive()).min(1).default([1]),
  /** Ms of one decode, alone on the machine: of different photos at different times, all equally likely. */
  decode_ms: z.array(ms).min(1),
  gateway: costSchema,
  front: costSchema,
  edge: costSchema,
  /** A load generator on the same machine; zero elsewhere. */
  client: costSchema.default({ busy_ms: 0, wake_ms: 0 }),
  /** Share of these costs that follows the answer: logs, metrics, garbage collection. */
  after_share: z.number().min(0).max(1).default(0),
  /** Ways between machines and through the kernel that take time and no CPU, there and back together, in ms. */
  wire_ms: ms.default(0),
  /** One inference pod. */
  pod: z.strictObject({
    cores: z.int().min(1),
    engines: z.int().min(1),
    decode_threads: z.int().min(1),
    /** Cores that a run keeps busy; 0: it runs on an accelerator, one run at a time for each engine. */
    run_threads: z.int().min(0),
    /** Whether client, Envoy and gateway share these cores. */
    shared: z.boolean().default(false),
  }),
  /** One gateway pod, unless it shares the cores of the inference pod. */
  gateway_cores: z.int().min(1).default(1),
});
export type Calibration = z.infer<typeof calibrationSchema>;

/** Ms of a run of `size` items: on the line between the measured sizes around it, in proportion beyond them. */
export function runTimes({ run_ms }: Pick<Calibration, 'run_ms'>): (size: number) => number {
  const points = Object.entries(run_ms)
    .map(([size, time]) => ({ size: Number(size), time }))
    .sort((a, b) => a.size - b.size);
  const [first] = points;
  if (!first) throw new RangeError('run_ms needs the time of at least one batch size');
  return (size) => {
    const above = points.find((point) => point.size >= size);
    const below = points.findLast((point) => point.size <= size);
    if (!above) return ((below as typeof first).time * size) / (below as typeof first).size;
    if (!below) return (above.time * size) / above.size;
    if (above === below) return above.time;
    return below.time + ((above.time - below.time) * (size - below.size)) / (above.size - below.size);
  };
}
