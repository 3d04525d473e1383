import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readInternalSecret } from '@headgate/runtime/internal-secret';
import { tempDir } from '@headgate/testkit/folders';
import { testContext } from '@headgate/testkit/step-context';
import { expect, it } from 'vitest';
import { internalSecretStep } from './internal-secret.ts';

it('makes a secret of 256 bits that only this user reads, and that the parts accept', async () => {
  const root = tempDir();
  await internalSecretStep.run(testContext(root));
  const path = join(root, 'state/internal.secret');
  expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readInternalSecret({ internal_secret_file: 'state/internal.secret' }, root)).toBeDefined();
});

it('leaves one that is there', async () => {
  const root = tempDir({ 'state/internal.secret': 'shared' });
  expect(internalSecretStep.isDone?.(root)).toBe(true);
  await expect(internalSecretStep.run(testContext(root))).rejects.toThrow('EEXIST');
  expect(readFileSync(join(root, 'state/internal.secret'), 'utf8')).toBe('shared');
});
