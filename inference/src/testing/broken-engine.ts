import type { FromEngine, ToEngine } from '../engine/protocol.ts';

/**
 * An engine process that misbehaves. The directory of its spec says how: `refuse`, `exit` and `stall` while it
 * loads; `hang` loads, decodes and never ends a run.
 */
const send = (message: FromEngine) => process.send?.(message);

process.on('message', (message: ToEngine) => {
  if (message.type === 'load') load(message.spec.directory);
  if (message.type === 'prepare') send({ type: 'decoded', id: message.id, decodeMs: 1 });
});

function load(behaviour: string): void {
  if (behaviour === 'refuse') send({ type: 'refused', message: 'the model is of another world' });
  if (behaviour === 'exit') process.exit(7);
  if (behaviour !== 'hang') return;
  const golden = { compared: 0, skipped: [], largestDifference: 0 };
  send({ type: 'loaded', report: { provider: 'cpu', loadMs: 1, warmUpMs: new Map([[1, 1]]), golden } });
}
