import { createOutbox, onMessage } from '../engine/channel.ts';
import type { FromEngine, LoadReport, ToEngine } from '../engine/protocol.ts';

/**
 * An engine process that misbehaves. The directory of its spec says how: `refuse`, `exit` and `stall` while it
 * loads; the others load and decode. `hang` never ends a run, `oom` and `device` fail it in such a way that the
 * engine cannot go on, `grow` takes 2 GB after it.
 */
const MiB = 2 ** 20;
const RUN_ERRORS: Readonly<Record<string, string>> = {
  oom: 'CUDA failure 2: out of memory ; GPU=0 ; hostname=node ; expr=cudaMalloc((void**)&p, size);',
  device: 'CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=node',
};
let behaviour = '';
const { send } = createOutbox<FromEngine>(process);

onMessage<ToEngine>(process, (message) => {
  if (message.type === 'load') load(message.spec.directory);
  if (message.type === 'prepare') send({ type: 'decoded', id: message.id, decodeMs: 1, endedAtMs: 1 });
  if (message.type === 'run') run(message.ids.length);
});

function load(directory: string): void {
  behaviour = directory;
  if (behaviour === 'refuse')
    send({ type: 'refused', kind: 'model', message: 'the model is of another world' });
  if (behaviour === 'exit') process.exit(7);
  if (behaviour === 'refuse' || behaviour === 'stall') return;
  const golden = { compared: 0, skipped: [], largestDifference: 0 };
  const report: LoadReport = { provider: 'cpu', loadMs: 1, warmUpMs: new Map([[1, 1]]), golden };
  send({ type: 'loaded', report, residentBytes: 100 * MiB });
}

function run(count: number): void {
  const message = RUN_ERRORS[behaviour];
  if (message) send({ type: 'run_failed', message });
  if (behaviour !== 'grow') return;
  const rows = Array.from({ length: count }, () => ({
    classIds: Int32Array.of(1),
    scores: Float32Array.of(1),
  }));
  send({ type: 'ran', rows, runMs: 1, endedAtMs: 1 });
  send({ type: 'stats', residentBytes: 2000 * MiB });
}
