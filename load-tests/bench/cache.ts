/**
 * `npm run bench:cache`: what a response cache costs inference for each item, in CPU-µs with a 95 % interval: the
 * key (SHA-256 of the input), and a hit from key to row. And what an entry takes in memory, as accounted and really.
 */

import { randomFillSync } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Manifest } from '@headgate/contracts/manifest';
import { keysFor } from '../../inference/src/cache/key.ts';
import { RowStore } from '../../inference/src/cache/row-store.ts';
import { systemClock } from '../../inference/src/clock.ts';
import type { Row } from '../../inference/src/engine/protocol.ts';
import { describeMachine } from './machine.ts';
import { table } from './markdown.ts';
import { type Case, costRow, measureCases } from './micro.ts';

const KILO = 1000;
const SIZES = [1 * KILO, 30 * KILO, 100 * KILO, 200 * KILO];
const TIMES_PER_BLOCK = 200;
const ENTRIES = 20_000;

/** Keys need no more of a manifest. */
const MANIFEST = { inputs: [], file: { sha256: 'f'.repeat(64) } } as unknown as Manifest;
const keyOf = keysFor(MANIFEST);

function caseOf(bytes: number): Case {
  const image = randomFillSync(new Uint8Array(bytes));
  return {
    name: `key of ${bytes / KILO} kB`,
    run: (times) => {
      for (let i = 0; i < times; i += 1) keyOf('client01', image);
    },
  };
}

function hitCase(): Case {
  const store = new RowStore({ maxBytes: 1e9, ttlMs: 60_000, clock: systemClock });
  store.set('key', classes(5));
  return {
    name: 'hit: look up and copy a row of 5 classes',
    run: (times) => {
      for (let i = 0; i < times; i += 1) store.get('key');
    },
  };
}

function classes(count: number): Row {
  return { classIds: new Int32Array(count), scores: new Float32Array(count) };
}

function tensors(count: number, bytes: number): Row {
  return Array.from({ length: count }, () => ({ shape: [1, bytes], block: new Uint8Array(bytes) }));
}

/** Bytes of an entry as the store accounts for them, and as heap and buffers grow. */
function memoryOf(name: string, row: () => Row): string[] {
  collectGarbage();
  const before = process.memoryUsage();
  const store = new RowStore({ maxBytes: 1e12, ttlMs: 60_000, clock: systemClock });
  for (let i = 0; i < ENTRIES; i += 1) store.set(keyOf(String(i), new Uint8Array()), row());
  collectGarbage();
  const after = process.memoryUsage();
  const held = after.heapUsed - before.heapUsed + after.arrayBuffers - before.arrayBuffers;
  return [name, (store.bytes / store.entries).toFixed(0), (held / store.entries).toFixed(0)];
}

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Twice: buffers are freed by the collection after the one that found them. */
function collectGarbage(): void {
  gc();
  gc();
}

const costs = await measureCases([...SIZES.map(caseOf), hitCase()], TIMES_PER_BLOCK);
const { cpu, date, commit, loadBefore } = describeMachine();
console.log(
  `Measured on ${date} at commit ${commit}: ${cpu}; load average before it ${loadBefore.toFixed(2)}.\n`,
);
console.log(table(['what', 'CPU-µs', '95 %'], costs.map(costRow)));
console.log(`\nBytes of an entry, mean of ${ENTRIES}:\n`);
const rows = [
  memoryOf('5 classes', () => classes(5)),
  memoryOf('100 classes', () => classes(100)),
  memoryOf('1 tensor of 4000 bytes', () => tensors(1, 4000)),
  memoryOf('3 tensors of 400 bytes', () => tensors(3, 400)),
];
console.log(table(['row', 'accounted', 'really'], rows));
