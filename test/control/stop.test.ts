import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_BASE } from '@headgate/contracts/admin/api';
import { HEADER, portOf } from '@headgate/contracts/names';
import { sqlSink } from '@headgate/stores/records/sql-sink';
import { idAt, predictionOf } from '@headgate/stores/testing/records';
import { eventually } from '@headgate/testkit/eventually';
import { tempDir } from '@headgate/testkit/folders';
import { fetchOnce } from '@headgate/testkit/http';
import { freePortBase } from '@headgate/testkit/ports';
import { ROOT } from '@headgate/testkit/root';
import { writeRouting } from '@headgate/testkit/routing';
import { expect, it, onTestFinished } from 'vitest';
import { type EmbeddedDatabase, embeddedDatabase } from '../../control/src/store/embedded-database.ts';
import { CONTROL_STOP_MS } from '../../scripts/serve/components.ts';

const UNITS = 1000;
/** A file that the endless query writes into the folder of the database once it runs. */
const RUNS = 'query-runs';
/** Predictions that no query reads to their end. */
const ENDLESS = `ALTER TABLE predictions RENAME TO kept;
  CREATE FUNCTION runs() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
    EXECUTE format('COPY (SELECT 1) TO %L', current_setting('data_directory') || '/${RUNS}');
    RETURN true;
  END $$;
  CREATE VIEW predictions AS
    SELECT kept.* FROM kept CROSS JOIN generate_series(1, 1000000000) WHERE (SELECT runs())`;
const SOON = { what: 'control', withinMs: 60_000 };
const keys: { admin: string } = JSON.parse(readFileSync(join(ROOT, 'state/dev-keys.json'), 'utf8'));

/** A control process of its own, over files of its own. */
async function controlIn(dir: string) {
  const portBase = await freePortBase();
  const routing = join(dir, 'routing.yaml');
  const variants = ['one', 'two'].map((name, index) => ({ name, version: `${index + 1}`, weight: 50 }));
  const experiment = { name: 'exp', salt: 'exp', variants };
  writeRouting(routing, {
    schema: 1,
    default_model: 'net',
    models: { net: { versions: ['1', '2'], experiment } },
  });
  const env = {
    ...process.env,
    HEADGATE_LISTEN__PORT_BASE: `${portBase}`,
    HEADGATE_ROUTING_FILE: routing,
    HEADGATE_RECORDS__EMBEDDED_DIR: dir,
    HEADGATE_AUDIT__DIR: join(dir, 'audit'),
    HEADGATE_AUDIT__HEADS_FILE: join(dir, 'heads.jsonl'),
  };
  const start = (): ChildProcess => {
    const child = spawn(process.execPath, ['control/src/main.ts'], { cwd: ROOT, env, stdio: 'ignore' });
    onTestFinished(() => void child.kill('SIGKILL'));
    return child;
  };
  const url = `http://127.0.0.1:${portOf(portBase, 'control')}${API_BASE}`;
  const ask = (path: string) => fetchOnce(`${url}${path}`, { [HEADER.apiKey]: keys.admin });
  return { start, ask, records: join(dir, `${portBase}`) };
}

/** While no control has the folder. */
async function withDatabase<T>(dir: string, use: (db: EmbeddedDatabase) => Promise<T>): Promise<T> {
  const db = embeddedDatabase(dir);
  return use(db).finally(() => db.close());
}

it('stops in its time during a report that would take days, and loses nothing', async () => {
  const control = await controlIn(tempDir());
  await withDatabase(control.records, async (db) => {
    const records = Array.from({ length: UNITS }, (_, unit) => {
      const variant = unit % 2 === 0 ? 'one' : 'two';
      const id = idAt(Date.now(), unit);
      return predictionOf({ id, unit: `unit-${unit}`, variant, assigned_variant: variant });
    });
    await sqlSink({ db, retentionDays: 90, now: Date.now }).deliver(records, new AbortController().signal);
    await db.script(ENDLESS);
  });
  const reading = control.start();
  await eventually(() => control.ask('/routing'), SOON);
  const cut = control.ask('/experiments/net').catch((error: Error) => error);
  await eventually(() => existsSync(join(control.records, RUNS)), SOON);
  const stoppedAtMs = performance.now();
  reading.kill('SIGTERM');
  expect(await once(reading, 'exit')).toEqual([0, null]);
  expect(performance.now() - stoppedAtMs).toBeLessThan(CONTROL_STOP_MS);
  expect(await cut).toBeInstanceOf(Error);

  await withDatabase(control.records, (db) =>
    db.script('DROP VIEW predictions; ALTER TABLE kept RENAME TO predictions'),
  );
  control.start();
  const { text } = await eventually(() => control.ask('/experiments/net'), SOON);
  expect(JSON.parse(text).variants).toMatchObject([{ units: UNITS / 2 }, { units: UNITS / 2 }]);
});
