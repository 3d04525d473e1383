import { setTimeout as pause } from 'node:timers/promises';
import { startStack } from '@headgate/testkit/stack';
import { partsOf } from '../peers/headgate.ts';
import { bytesOf, watchUsage } from '../peers/usage.ts';
import type { BenchRun } from '../series.ts';
import type { Section } from '../tables.ts';

/** Starting up is over by then. */
const SETTLED_MS = 60_000;
const WATCHED_MS = 15_000;

/** CPU and memory of `npm start` with its two model versions, without requests. */
export async function idleFigures({ signal, progress }: BenchRun): Promise<Section> {
  const stack = await startStack();
  try {
    progress('idle: one minute of settling');
    await pause(SETTLED_MS, undefined, { signal });
    const end = watchUsage(() => partsOf(stack));
    await pause(WATCHED_MS, undefined, { signal });
    const { cpuMs, cpuMsOfPart, peakBytes } = end();
    const parts = Object.entries(cpuMsOfPart).map(([part, ms]) => {
      const bytes = bytesOf(partsOf(stack).filter((process) => process.part === part));
      return `${part} ${((ms * 100) / WATCHED_MS).toFixed(2)} %, ${(bytes / 2 ** 20).toFixed(0)} MiB`;
    });
    return {
      figures: [
        {
          name: 'idle stack: CPU of a core',
          value: (cpuMs * 100) / WATCHED_MS,
          ...{ wanted: 1, floor: 2, better: 'lower', unit: ' %' },
        },
        {
          name: 'idle stack: memory (PSS), two versions',
          value: peakBytes / 2 ** 30,
          ...{ wanted: 0.9, floor: 1.1, better: 'lower', unit: ' GiB' },
        },
      ],
      loads: [],
      notes: [`Idle, CPU of a core and memory by process: ${parts.join('; ')}.`],
    };
  } finally {
    await stack.stop();
  }
}
