import { expect, it, onTestFinished } from 'vitest';
import { runCommand } from '../../../scripts/setup/command.mjs';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { checkDigest, clusterTools } from './helm.ts';

it('brings a helm and a kubectl that run', { timeout: 300_000 }, async () => {
  const guard = createGuard();
  onTestFinished(() => guard.close());
  const { signal } = new AbortController();
  const { helm, kubectl } = await clusterTools({ guard, signal });
  const run = async (program: string, args: string[]) =>
    (await runCommand(program, args, { cwd: '/', guard, signal, timeoutMs: 30_000 })).join('\n');
  expect(await run(helm, ['version', '--template={{.Version}}'])).toMatch(/^v4\./);
  expect(await run(kubectl, ['version', '--client'])).toContain('v1.34.');
});

it('refuses an archive with other bytes', () => {
  expect(() => checkDigest(Buffer.from('another'))).toThrow('not used');
});
