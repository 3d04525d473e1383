/**
 * `npm run bench:records -- [--records 20000]`: what recording a photo costs the gateway, in CPU-µs with a 95 % interval,
 * and how fast records get from a full spool into each store. The store shares the cores with who measures it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findBinaries } from '../../../scripts/services/binaries.ts';
import { describeMachine } from '../machine.ts';
import { table } from '../markdown.ts';
import { costRow, measureCases } from '../micro.ts';
import { positive } from '../options.ts';
import { jpegOfAbout } from '../photos.ts';
import { pathCases } from './path.ts';
import { type Store, shippingRate, startControl, startPostgres } from './ship.ts';

const PHOTO_BYTES = 30_000;
const TIMES_PER_BLOCK = 500;

async function measurePath(dir: string): Promise<string> {
  const { cases, close } = await pathCases(dir, await jpegOfAbout(PHOTO_BYTES));
  const costs = await measureCases(cases, TIMES_PER_BLOCK);
  await close();
  return table(['recording a photo of 30 kB', 'CPU-µs', '95 %'], costs.map(costRow));
}

async function measureShipping(dir: string, count: number): Promise<string> {
  const stores: (() => Promise<Store>)[] = [() => startControl(dir)];
  if (findBinaries().postgresDir !== undefined) {
    stores.push(
      () => startPostgres({ replica: false }),
      () => startPostgres({ replica: true }),
    );
  } else console.error('PostgreSQL is not installed: only control is measured');
  const rows: string[][] = [];
  for (const [number, start] of stores.entries()) {
    const store = await start();
    try {
      const { rate, cpuMs } = await shippingRate(store, join(dir, `ship-${number}`), count);
      rows.push([store.name, rate.toFixed(0), (cpuMs * 1000).toFixed(0)]);
    } finally {
      await store.close();
    }
  }
  return table(['store', 'records per second', 'CPU-µs of the gateway per record'], rows);
}

const { values } = parseArgs({ options: { records: { type: 'string', default: '20000' } } });
const { cpu, date, commit, loadBefore } = describeMachine();
const dir = mkdtempSync(join(tmpdir(), 'headgate-bench-records-'));
try {
  const count = positive('--records', values.records);
  const path = await measurePath(dir);
  const shipping = await measureShipping(dir, count);
  console.log(
    `Measured on ${date} at commit ${commit}: ${cpu}; load average before it ${loadBefore.toFixed(2)}.\n`,
  );
  console.log(`${path}\n\n${shipping}`);
} finally {
  rmSync(dir, { recursive: true });
}
