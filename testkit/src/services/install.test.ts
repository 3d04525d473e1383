import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runSteps } from '../../../scripts/setup/runner.mjs';
import { tempDir, writeText } from '../folders.ts';
import { testContext } from '../step-context.ts';
import { findBinaries, missingPackages } from './binaries.ts';
import { prepareServices, servicesStep } from './install.ts';
import { missingS3Packages, s3Obstacle } from './s3.ts';

it('does nothing when both services are there', async () => {
  const context = testContext(tempDir());
  const machine = { missing: () => [], obstacle: () => 'it may not be asked' };
  expect([await prepareServices(context, machine), context.said]).toEqual([undefined, []]);
});

it('says what is needed and why it cannot be installed', async () => {
  const machine = { missing: () => ['redis-server'], obstacle: () => 'only root may install packages' };
  expect(await prepareServices(testContext(tempDir()), machine)).toBe(
    'needs redis-server, and only root may install packages',
  );
});

it('installs what is missing by the names of its packages', async () => {
  const root = tempDir({ apt: '#!/bin/sh\necho "$@" >> calls\n' });
  chmodSync(join(root, 'apt'), 0o755);
  const isInstalled = () => existsSync(join(root, 'calls')) && called(root).includes('install');
  const machine = { missing: () => (isInstalled() ? [] : ['redis-server']), obstacle: () => undefined };
  await runSteps([servicesStep(machine, join(root, 'apt'))], testContext(root));
  const calls = called(root).trim().split('\n');
  expect(calls.map((call) => call.replace(/^-o \S+ /, ''))).toEqual([
    'update',
    'install -y --no-install-recommends redis-server',
  ]);
});

it('takes the newest PostgreSQL of Debian, whole ones only', () => {
  const programs = ['postgres', 'initdb', 'pg_ctl', 'pg_basebackup', 'psql'];
  const root = tempDir();
  for (const version of ['9', '15']) {
    for (const name of programs) writeText(join(root, version, 'bin', name), '');
  }
  writeText(join(root, '16', 'bin', 'psql'), '');
  const found = findBinaries('', root);
  expect(found.postgresDir).toBe(join(root, '15', 'bin'));
  expect(missingPackages(found)).toEqual(['redis-server']);
});

function called(root: string): string {
  return readFileSync(join(root, 'calls'), 'utf8');
}

it('names the packages without which there is no S3 server', () => {
  const path = tempDir();
  expect(missingS3Packages(path)).toEqual(['default-jre-headless', 'maven']);
  expect(s3Obstacle(path)).toBe('needs default-jre-headless and maven');
  for (const program of ['java', 'mvn']) writeFileSync(join(path, program), '');
  expect(s3Obstacle(path)).toBeUndefined();
});
