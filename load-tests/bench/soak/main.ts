/**
 * `npm run bench:soak -- --minutes 20`: does anything grow under load that does not end? Resident memory and open files of
 * Envoy, gateway, inference, engines and control, as slopes with their interval. Two minutes are enough to see that it
 * works, not to see a leak. `--per-second N` leaves room for other work on the machine;
 * `--collect` has garbage collected every ten seconds and judges by what is held after that.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pidOf, processesOf, startStack } from '@headgate/testkit/stack';
import type { LoadJob } from '../client.ts';
import { type Measured, startWorker } from '../jobs.ts';
import { describeMachine } from '../machine.ts';
import { positive } from '../options.ts';
import { PHOTOS_DIR } from '../photos.ts';
import { judge, reportSoak } from './report.ts';
import { heldPoints, type Sample, sampleOf } from './sample.ts';

const MINUTE_MS = 60_000;
/** The load is asked for in pieces: a worker answers when a piece is over. */
const PIECE_MS = 60_000;
const SAMPLE_EVERY_MS = 1000;
/** Processes still warm up before that: growth says nothing yet. */
const SHORTEST_VERDICT_MS = 15 * MINUTE_MS;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '20' },
    concurrency: { type: 'string', default: '16' },
    'per-second': { type: 'string' },
    collect: { type: 'boolean', default: false },
  },
});
const durationMs = positive('--minutes', values.minutes) * MINUTE_MS;
const concurrency = positive('--concurrency', values.concurrency);
const perSecond =
  values['per-second'] === undefined ? undefined : positive('--per-second', values['per-second']);
const machine = describeMachine();
const dir = mkdtempSync(join(tmpdir(), 'headgate-soak-'));
const heldFile = join(dir, 'held');
const collecting = {
  NODE_OPTIONS: `--require=${join(import.meta.dirname, 'collect.cjs')}`,
  SOAK_HELD_FILE: heldFile,
};
const stack = await startStack({ env: values.collect ? collecting : {} });
const client = startWorker<LoadJob>('./client.ts');
const pids = new Map([
  ...(['envoy', 'gateway', 'inference', 'control'] as const).map(
    (part) => [part as string, pidOf(stack, part)] as const,
  ),
  ...processesOf(stack, 'engine').map(({ pid }, i) => [`engine ${i + 1}`, pid] as const),
]);
const watched = new Map<string, Sample[]>([...pids.keys()].map((name) => [name, []]));
const startedAtMs = Date.now();
const startedMs = performance.now();
const watch = () => {
  for (const [name, pid] of pids) {
    const sample = sampleOf(pid, (performance.now() - startedMs) / MINUTE_MS);
    if (sample) watched.get(name)?.push(sample);
  }
};
const timer = setInterval(watch, SAMPLE_EVERY_MS);
const pieces: Measured[] = [];
let gone: string[] = [];
try {
  for (;;) {
    const leftMs = durationMs - (performance.now() - startedMs);
    if (leftMs < SAMPLE_EVERY_MS) break;
    pieces.push(await client.run(job(Math.min(PIECE_MS, leftMs))));
    console.error(`${((performance.now() - startedMs) / MINUTE_MS).toFixed(1)} min  ${answered()} answers`);
  }
  gone = [...pids].filter(([, pid]) => sampleOf(pid, 0) === undefined).map(([name]) => name);
} finally {
  clearInterval(timer);
  client.stop();
  await stack.stop();
}

function job(pieceMs: number): LoadJob {
  const { https, caFile, keys } = stack.ready;
  const target = {
    kind: 'http' as const,
    origin: https as string,
    path: '/predict',
    caFile,
    key: keys.bench,
  };
  const pace = perSecond === undefined ? {} : { perSecond };
  return { target, photosDir: PHOTOS_DIR, concurrency, warmMs: 0, durationMs: pieceMs, ...pace };
}

function answered(): number {
  return pieces.reduce((sum, piece) => sum + piece.answered, 0);
}

const held = existsSync(heldFile) ? readFileSync(heldFile, 'utf8') : '';
rmSync(dir, { recursive: true });
const verdicts = [...watched]
  .filter(([name]) => !gone.includes(name))
  .map(([name, samples]) =>
    judge(name, samples, {
      held: heldPoints(held, pids.get(name) ?? 0, startedAtMs),
      spareFiles: concurrency,
    }),
  );
const failures = pieces.flatMap((piece) => Object.entries(piece.failures));
console.log(
  `Measured on ${machine.date} at commit ${machine.commit}: ${machine.cpu}; ${values.minutes} minutes, ${concurrency} requests at a time${perSecond === undefined ? '' : `, ${perSecond} a second`}.`,
);
console.log(
  `${answered()} photos answered; failed: ${failures.map(([what, count]) => `${count} × ${what}`).join(', ') || 'none'}.\n`,
);
console.log(reportSoak(verdicts));
if (gone.length > 0) console.log(`\nEnded and started again meanwhile: ${gone.join(', ')}.`);
const counts = durationMs >= SHORTEST_VERDICT_MS;
if (!counts) console.log('\nToo short for a verdict: processes still warm up.');
process.exit(
  (counts && verdicts.some(({ leaks }) => leaks)) || failures.length > 0 || gone.length > 0 ? 1 : 0,
);
