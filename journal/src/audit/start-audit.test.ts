import { existsSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from '@headgate/testkit/config';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import { tempDir } from '../testing/spool.ts';
import { credentialKeyFile } from './pseudonym.ts';
import { startAudit } from './start-audit.ts';

it('destroys keys that are over while the process runs, at the intervals of the anchors', async () => {
  const root = tempDir();
  const config = testConfig({
    HEADGATE_AUDIT__SINK: 'file',
    HEADGATE_AUDIT__KEYS_DIR: '.',
    HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: '100',
  });
  const key = join(root, credentialKeyFile('gone'));
  writeFileSync(key, '');
  utimesSync(key, 1, 1);
  const metrics = { registry: new Registry() };
  const audit = await startAudit(config, { root, logger: pino({ enabled: false }), metrics });
  await vi.waitFor(() => expect(existsSync(key)).toBe(false), { timeout: 10_000 });
  await audit.stop();
});
