import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { testConfig } from '@headgate/testkit/config';
import { tempDir } from '@headgate/testkit/folders';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { expect, it, vi } from 'vitest';
import { startAudit } from './start-audit.ts';

it('tends the keys of names while the process runs, at the intervals of the anchors', async () => {
  const root = tempDir();
  const config = testConfig({
    HEADGATE_AUDIT__SINK: 'file',
    HEADGATE_AUDIT__KEYS_DIR: '.',
    HEADGATE_AUDIT__ANCHOR_INTERVAL_MS: '100',
  });
  const metrics = { registry: new Registry() };
  const audit = await startAudit(config, { root, logger: pino({ enabled: false }), metrics });
  const day = new Date().toISOString().slice(0, 10);
  const key = join(root, `token-${day}.key`);
  rmSync(key);
  await vi.waitFor(() => expect(existsSync(key)).toBe(true), { timeout: 10_000 });
  await audit.stop();
});
