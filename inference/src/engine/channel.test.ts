import type { ChildProcess } from 'node:child_process';
import { expect, it } from 'vitest';
import { createOutbox } from './channel.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

it('sends the messages of one turn together, and held ones with the next', async () => {
  const sent: (readonly string[])[] = [];
  const end = { connected: true, send: (group: readonly string[]) => sent.push(group) };
  const outbox = createOutbox<string>(end as unknown as ChildProcess);
  outbox.hold('decoded 1');
  await turn();
  expect(sent).toEqual([]);
  outbox.hold('decoded 2');
  outbox.send('ran');
  // Also what follows from them within the same turn.
  await Promise.resolve().then(() => outbox.send('decoded 3'));
  await turn();
  outbox.send('stats');
  await turn();
  expect(sent).toEqual([['decoded 1', 'decoded 2', 'ran', 'decoded 3'], ['stats']]);
});
