import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createGuard } from '../../../scripts/setup/guard.mjs';
import { tempDir, writeText } from '../folders.ts';
import { cachedVenv, type VenvOptions } from './venv.ts';

/** A Python that writes down how it was called, and a cache, both of this test. */
function fakePython(pip = 'true') {
  const dir = tempDir({ 'requirements.txt': 'one==1\n' });
  const calls = join(dir, 'calls');
  const script = `#!/bin/sh
echo "$*" >> ${calls}
case "$*" in
  *"-m venv"*) mkdir -p "$4/bin"; cp "$0" "$4/bin/python";;
  *"-m pip"*) ${pip};;
  *) echo "3.12 linux";;
esac
`;
  const python = join(dir, 'python3');
  writeText(python, script, 0o755);
  const guard = createGuard();
  onTestFinished(() => guard.close());
  const options: VenvOptions = {
    name: 'peer',
    requirements: join(dir, 'requirements.txt'),
    python,
    signal: new AbortController().signal,
    guard,
    progress: () => {},
    cacheDir: join(dir, 'cache'),
  };
  const installs = () => readFileSync(calls, 'utf8').match(/-m pip install/g)?.length ?? 0;
  return { options, installs };
}

it('installs the packages once and finds the environment again', async () => {
  const { options, installs } = fakePython();
  const python = await cachedVenv(options);
  expect(existsSync(python)).toBe(true);
  expect(await cachedVenv(options)).toBe(python);
  expect(installs()).toBe(1);
});

it('installs once when two ask at the same time', async () => {
  const { options, installs } = fakePython('sleep 0.2');
  const [one, two] = await Promise.all([cachedVenv(options), cachedVenv(options)]);
  expect(one).toBe(two);
  expect(installs()).toBe(1);
});

it('makes another environment when a requirement changes', async () => {
  const { options, installs } = fakePython();
  const before = await cachedVenv(options);
  writeText(options.requirements, 'one==2\n');
  expect(await cachedVenv(options)).not.toBe(before);
  expect(installs()).toBe(2);
});

it('begins anew where an earlier attempt was cut short', async () => {
  const { options, installs } = fakePython();
  const dir = dirname(dirname(await cachedVenv(options)));
  rmSync(join(dir, 'complete'));
  await cachedVenv(options);
  expect(installs()).toBe(2);
});

it('says what pip complained about, and leaves nothing that counts as complete', async () => {
  const { options, installs } = fakePython('echo "ERROR: No matching distribution found for one==1"; exit 1');
  const complaint = 'the Python environment peer: ERROR: No matching distribution found for one==1';
  await expect(cachedVenv(options)).rejects.toThrow(complaint);
  await expect(cachedVenv(options)).rejects.toThrow(complaint);
  expect(installs()).toBe(2);
});
