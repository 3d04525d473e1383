import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { ROOT } from './setup/bootstrap.mjs';

/** Runs npm start's program until it ends by itself. */
const start = (...args: string[]) =>
  spawnSync(process.execPath, [join(ROOT, 'scripts/start.mjs'), ...args], {
    encoding: 'utf8',
    timeout: 15_000,
  });

it('refuses an option that it does not know, with the usage', () => {
  const { status, stderr } = start('--prot-base', '9000');
  expect(status).toBe(2);
  expect(stderr).toContain("Unknown option '--prot-base'");
  expect(stderr).toContain('usage: npm start --');
});
