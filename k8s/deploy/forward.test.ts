import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { end } from './forward.ts';

it('ends a kubectl that ignores SIGTERM, and does not wait for one that never started', async () => {
  const deaf = `process.on('SIGTERM', () => {}); console.log('ready'); setInterval(() => {}, 1000)`;
  const child = spawn(process.execPath, ['-e', deaf], { stdio: ['ignore', 'pipe', 'ignore'] });
  await once(child.stdout, 'data');
  await end(child);
  expect(child.signalCode).toBe('SIGKILL');
  const none = spawn('no-such-kubectl', []);
  await once(none, 'error');
  await end(none);
});
