import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { expect, it, onTestFinished, vi } from 'vitest';
import { checkDigest, clusterTools, operatorTools } from './cluster-tools.ts';
import { runCommand } from './command.mjs';
import { createGuard } from './guard.mjs';

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

it.each([
  ['v4.1.0', 'echo v1.31', 'helm'],
  ['v3.19.0', 'echo v1.31', 'the cache'],
  ['v4.1.0', 'exit 1', 'the cache'],
])('takes helm %s of PATH only where it fits and kubectl is there: `%s`', async (version, kubectl, from) => {
  const [path, cache] = [tempDir(), tempDir()];
  for (const [name, line] of Object.entries({ helm: `echo ${version}`, kubectl })) {
    writeText(join(path, name), `#!/bin/sh\n${line}\n`);
    chmodSync(join(path, name), 0o755);
  }
  mkdirSync(join(cache, '2.2.2'));
  vi.stubEnv('PATH', path);
  onTestFinished(() => void vi.unstubAllEnvs());
  const guard = createGuard();
  onTestFinished(() => guard.close());
  const options = { guard, signal: new AbortController().signal, cacheDir: cache };
  const { helm } = await operatorTools(options);
  expect(helm).toBe(from === 'helm' ? 'helm' : (await clusterTools(options)).helm);
});

it('refuses an archive with other bytes', () => {
  expect(() => checkDigest(Buffer.from('another'))).toThrow('not used');
});
