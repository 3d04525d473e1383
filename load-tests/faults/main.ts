/**
 * `npm run faults -- [--only a,b] [--proxy toxiproxy] [--out FILE]`: one fault after the other under load, and what callers, records and time
 * say of it. Exits with 1 when a fault shows more than it may.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ownRun } from '../bench/benchmark.ts';
import { describeMachine } from '../bench/machine.ts';
import { FAULTS } from './catalogue.ts';
import { ownNetwork } from './link.ts';
import { runFaults } from './run.ts';
import { faultsTable, surprises } from './table.ts';
import { startToxiproxy } from './toxiproxy.ts';

/** Short: what is lost in a dead network must show within the fault. */
const TIMEOUT_MS = 2000;

const { values } = parseArgs({
  options: { only: { type: 'string' }, proxy: { type: 'string' }, out: { type: 'string' } },
});
const names = values.only?.split(',') ?? FAULTS.map(({ name }) => name);
const unknown = names.filter((name) => !FAULTS.some((fault) => fault.name === name));
if (unknown.length > 0) {
  console.error(
    `no such fault: ${unknown.join(', ')}; there are ${FAULTS.map(({ name }) => name).join(', ')}`,
  );
  process.exit(2);
}
const chosen = FAULTS.filter(({ name }) => names.includes(name));
await ownRun(async ({ signal, progress }) => {
  const machine = describeMachine();
  const network = values.proxy === 'toxiproxy' ? await startToxiproxy(signal) : ownNetwork;
  const options = { network, timeoutMs: TIMEOUT_MS, say: progress, signal };
  const { rows, skipped } = await runFaults(chosen, options).finally(network.close);
  const text = [
    `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}; load average before it ${machine.loadBefore.toFixed(2)}.`,
    `A request every 40 ms over HTTPS, by API key and bearer token in turns, due after ${TIMEOUT_MS / 1000} s; two inference pods, one gateway; network faults by ${network.name}.\n`,
    faultsTable(rows),
    ...skipped.map((line) => `\nNot done: ${line}.`),
  ].join('\n');
  console.log(text);
  if (values.out !== undefined) writeFileSync(values.out, `${text}\n`);
  const wrong = rows.flatMap(surprises);
  for (const line of wrong) console.error(line);
  process.exitCode = wrong.length > 0 ? 1 : 0;
});
// Whatever an abandoned fault still waits for is of no interest.
process.exit();
