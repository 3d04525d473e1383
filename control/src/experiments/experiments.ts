import type { ExperimentReport, Look, Metric } from '@headgate/contracts/admin/api';
import { modelRouting } from '@headgate/contracts/routing';
import { DAY_MS } from '@headgate/runtime/clock';
import { isMissingTable, type Queryable } from '@headgate/stores/postgres/database';
import { epochsOf } from '@headgate/stores/records/epochs';
import { addLooks, looksOf, thinLooks } from '@headgate/stores/records/looks';
import { AdminError } from '../api/api-env.ts';
import type { RoutingStore } from '../routing/routing-store.ts';
import type { ReadRecords } from '../store/read-records.ts';
import { EpochNotes } from './epoch-notes.ts';
import { type Gathered, gather } from './gather.ts';
import { csvOf, looksAt, reportOf } from './report.ts';
import { chooseRun, compares, type Run, runsOf } from './runs.ts';

export interface Asked {
  /** Name of an experiment of the model; absent: the one of `at_ms`, else the one in the routing table. */
  readonly experiment?: string | undefined;
  /** A time at which it was in force; absent: the last one of the name. */
  readonly at_ms?: number | undefined;
  /** Coverage of the intervals; absent: 0.95. */
  readonly level?: number | undefined;
}

/** What the store of records tells about experiments. Every method throws AdminError: not_found, store_unavailable. */
export interface Experiments {
  /** May be some seconds old: a report never takes more than a tenth of the store's time. */
  report(model: string, asked?: Asked): Promise<ExperimentReport>;
  /** Oldest first. */
  looks(model: string, metric: Metric, asked?: Asked): Promise<readonly Look[]>;
  csv(model: string, asked?: Asked): Promise<string>;
  /** Keeps what the analysis of a model sees now; each minute. */
  look(model: string): Promise<void>;
  /** Removes looks that nobody needs any more; each hour. */
  thin(): Promise<void>;
  /** Stops to listen to the routing table. */
  stop(): void;
}

export interface ExperimentsDeps {
  readonly readRecords: ReadRecords;
  readonly routing: Pick<RoutingStore, 'current' | 'onChange'>;
  /** Records are removed by whole days (UTC) after that, and looks too; in ms. */
  readonly retentionMs: number;
  /** Wall clock in ms. */
  readonly now: () => number;
}

const LEVEL = 0.95;
/** What was read is read again after that time, and after ten times as long as it took. */
const FRESH_MS = 2000;
const SHARE = 10;
/** Experiments whose figures are kept. */
const MAX_KEPT = 50;

/** The run that somebody asks for. */
interface Wanted {
  readonly model: string;
  readonly experiment: string | undefined;
  readonly atMs: number | undefined;
}

interface Reading {
  readonly result: Promise<Gathered>;
  /** Monotonic time in ms; no end while it is read. */
  untilMs: number;
}

export function createExperiments({ readRecords, routing, retentionMs, now }: ExperimentsDeps): Experiments {
  const notes = new EpochNotes();
  const readings = new Map<string, Reading>();
  let queue: Promise<unknown> = Promise.resolve();
  const stop = routing.onChange((snapshot) => {
    notes.note(snapshot, now());
    readings.clear();
  });

  const onStore = <T>(ask: (store: Queryable) => Promise<T>): Promise<T> =>
    readRecords(async (store) => {
      notes.note(routing.current(), now());
      await notes.store(store);
      return ask(store);
    }).catch((error: AdminError) => {
      if (isMissingTable(error.cause ?? {})) notes.forget();
      throw error;
    });

  const runIn = async (store: Queryable, wanted: Wanted) => {
    const atMs = now();
    const recordsSinceMs = Math.floor((atMs - retentionMs) / DAY_MS) * DAY_MS;
    const all = runsOf(await epochsOf(store, wanted.model));
    const run = chooseRun(all, wanted);
    if (!run) throw unknown(wanted);
    const isListed = (of: Run) =>
      of === run || of.endedAtMs === null || (compares(of) && of.endedAtMs > recordsSinceMs);
    return { run, runs: all.filter(isListed), atMs, recordsSinceMs };
  };

  const read = (wanted: Wanted) =>
    onStore(async (store) => {
      // Without the wait for a store that starts: it says nothing about the next reading.
      const startedMs = performance.now();
      const found = await gather(store, wanted.model, await runIn(store, wanted));
      return { found, tookMs: performance.now() - startedMs };
    });

  /** One after the other: two analyses at a time would only take each other's time. */
  const readingOf = (wanted: Wanted): Promise<Gathered> => {
    const key = JSON.stringify([wanted.model, wanted.experiment, wanted.atMs]);
    const known = readings.get(key);
    if (known && performance.now() < known.untilMs) return known.result;
    const result = queue.then(async () => {
      const { found, tookMs } = await read(wanted);
      reading.untilMs = performance.now() + Math.max(FRESH_MS, SHARE * tookMs);
      return found;
    });
    const reading: Reading = { result, untilMs: Number.POSITIVE_INFINITY };
    readings.delete(key);
    readings.set(key, reading);
    queue = result.catch(() => readings.delete(key));
    for (const oldest of readings.keys()) if (readings.size > MAX_KEPT) readings.delete(oldest);
    return result;
  };

  const wantedOf = (model: string, { experiment, at_ms: atMs }: Asked = {}): Wanted => {
    if (experiment !== undefined || atMs !== undefined) return { model, experiment, atMs };
    const current = modelRouting(routing.current().routing, model)?.experiment.name;
    if (current === undefined) throw unknown({ model });
    return { model, experiment: current, atMs };
  };

  const gathered = async (model: string, asked?: Asked): Promise<Gathered> => {
    const wanted = wantedOf(model, asked);
    if (wanted.atMs === undefined) return readingOf(wanted);
    // All times of a run share what was read of it.
    const { run } = await onStore((store) => runIn(store, wanted));
    return readingOf({ model, experiment: run.experiment, atMs: run.startedAtMs });
  };

  return {
    report: async (model, asked) => reportOf(await gathered(model, asked), asked?.level ?? LEVEL),
    csv: async (model, asked) => csvOf(await gathered(model, asked), asked?.level ?? LEVEL),
    looks: async (model, metric, asked) =>
      onStore(async (store) => {
        const { run } = await runIn(store, wantedOf(model, asked));
        const looks = await looksOf(store, { model, experiment: run.experiment }, metric);
        return looks.filter(
          ({ at_ms }) => at_ms >= run.startedAtMs && at_ms < (run.endedAtMs ?? Number.POSITIVE_INFINITY),
        );
      }),
    async look(model) {
      const { run, ...found } = await gathered(model);
      const looks = run.endedAtMs === null ? looksAt(reportOf({ run, ...found }, LEVEL)) : [];
      if (looks.length > 0) await onStore((store) => addLooks(store, found, looks));
    },
    thin: () => onStore((store) => thinLooks(store, now(), retentionMs)),
    stop,
  };
}

function unknown({ model, experiment, atMs }: Partial<Wanted>): AdminError {
  const quoted = (name = '') => JSON.stringify(name).slice(0, 100);
  if (experiment !== undefined) {
    return new AdminError('not_found', `The model has had no such experiment: ${quoted(experiment)}.`);
  }
  const problem =
    atMs === undefined
      ? `The routing table has no such model: ${quoted(model)}.`
      : `The model ${quoted(model)} had no experiment at that time.`;
  return new AdminError('not_found', problem);
}
