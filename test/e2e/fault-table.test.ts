import { expect, it } from 'vitest';
import { FAULTS } from '../../load-tests/faults/catalogue.ts';
import { ownNetwork } from '../../load-tests/faults/link.ts';
import { runFaults } from '../../load-tests/faults/run.ts';
import { faultsTable, surprises } from '../../load-tests/faults/table.ts';
import { startToxiproxy } from '../../load-tests/faults/toxiproxy.ts';

const FULL = process.env.E2E_FULL === '1';
/** Long: a machine that is busy with other tests is no fault. */
const TIMEOUT_MS = 10_000;
/** Without PostgreSQL and Redis, which have their own suite. */
const SHORT = ['inference-kill', 'jwks-black-hole', 'control-kill'];
const chosen = FULL ? FAULTS : FAULTS.filter(({ name }) => SHORT.includes(name));

it('Each fault under load shows callers no more than it may, loses no record uncounted, and is healed', async ({
  signal,
}) => {
  const network = FULL ? await startToxiproxy(signal) : ownNetwork;
  const { rows, skipped } = await runFaults(chosen, {
    network,
    timeoutMs: TIMEOUT_MS,
    say: () => undefined,
    signal,
  }).finally(network.close);
  console.log(faultsTable(rows), ...skipped);
  expect(rows.length + skipped.length).toBe(chosen.length);
  expect(rows.flatMap(surprises)).toEqual([]);
}, 600_000);
