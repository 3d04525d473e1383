import { createLogger } from '@headgate/runtime/logger';
import { reportResilience } from '@headgate/runtime/resilience/metrics';
import { testConfig } from '@headgate/testkit/config';
import { Registry } from 'prom-client';
import { expect, it, onTestFinished } from 'vitest';
import { embeddedDatabase } from '../store/embedded-database.ts';
import { testLog } from '../testing/audit-store.ts';
import { startAuditShipping } from './start-shipping.ts';
import { layOut } from './store/layout.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

/** Starts control's shipping over the log of a writer, and stops it at once. @returns how many records are stored then */
async function storedAtStop(settings: Record<string, string>): Promise<number> {
  const log = await testLog();
  await log.anchored(3);
  await log.close();
  const db = embeddedDatabase();
  onTestFinished(() => db.close());
  // Its start takes longer than the end of a pod.
  await layOut(db);
  const own = { HEADGATE_AUDIT__DIR: log.dir, HEADGATE_AUDIT__HEADS_FILE: log.headsFile };
  const resilience = reportResilience({ logger, registry: new Registry(), breakers: [] });
  const around = { root: '/', logger, embedded: db, resilience };
  const shipping = await startAuditShipping(testConfig({ ...own, ...settings }), around);
  await shipping?.stop();
  const { rows } = await db.query('SELECT seq FROM audit.records', []);
  return rows.length;
}

it('stores at its end what would go with the pod, and leaves it in a log that stays', async () => {
  expect(await storedAtStop({ HEADGATE_ROUTING_CONFIG_MAP: 'headgate-routing' })).toBeGreaterThanOrEqual(3);
  expect(await storedAtStop({})).toBe(0);
}, 60_000);
