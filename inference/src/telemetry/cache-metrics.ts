import { METRIC, TRITON_METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { ResponseCache } from '../cache/response-cache.ts';
import type { CacheOutcome } from '../item.ts';
import { collectedCounter, collectedGauge } from './collected.ts';
import type { StateSource } from './state-metrics.ts';
import type { Statistics } from './statistics.ts';
import { sum, type Total, type VersionCounters } from './version-counters.ts';

const OUTCOMES: readonly CacheOutcome[] = ['hit', 'miss', 'shared'];
const VERSION = ['model', 'version'] as const;

/** What response caches hold and save. Versions without a cache have no series. */
export function exposeCaches(registry: Registry, source: StateSource, statistics: Statistics): void {
  collectedCounter(registry, {
    name: METRIC.cacheRequests,
    help: 'Items answered where a cache is on: hit, miss, or shared with a caller who asked at the same time.',
    labels: [...VERSION, 'outcome'],
    collect: (sample) => {
      for (const { model, version, counters } of cached(source, statistics)) {
        for (const outcome of OUTCOMES) sample({ model, version, outcome }, counters.cache[outcome].count);
      }
    },
  });
  exposeStores(registry, source);
  exposeTritonCache(registry, source, statistics);
}

function exposeStores(registry: Registry, source: StateSource): void {
  const gauge = (name: string, help: string, read: (cache: ResponseCache) => number) =>
    collectedGauge(registry, {
      name,
      help,
      labels: VERSION,
      collect: (sample) => {
        for (const { model, version, cache } of source.all()) {
          if (cache) sample({ model, version }, read(cache));
        }
      },
    });
  gauge(METRIC.cacheBytes, 'Bytes that the cache takes, overhead included.', ({ bytes }) => bytes);
  gauge(METRIC.cacheEntries, 'Answers that the cache holds.', ({ entries }) => entries);
  collectedCounter(registry, {
    name: METRIC.cacheEvictions,
    help: 'Answers that left the cache: for room, or because they expired.',
    labels: [...VERSION, 'why'],
    collect: (sample) => {
      for (const { model, version, cache } of source.all()) {
        for (const [why, count] of Object.entries(cache?.evictions ?? {})) {
          sample({ model, version, why }, count);
        }
      }
    },
  });
}

/** The same under Triton's names, in which a shared run counts as a hit: it was answered without a run of its own. */
function exposeTritonCache(registry: Registry, source: StateSource, statistics: Statistics): void {
  const counter = (name: string, help: string, read: (counters: VersionCounters) => number) =>
    collectedCounter(registry, {
      name,
      help,
      labels: VERSION,
      collect: (sample) => {
        for (const { model, version, counters } of cached(source, statistics)) {
          sample({ model, version }, read(counters));
        }
      },
    });
  const hits = ({ cache }: VersionCounters) => sum(cache.hit, cache.shared);
  const us = ({ ms }: Total) => Math.round(ms * 1000);
  counter(TRITON_METRIC.cacheHits, 'Items answered without a run of their own.', (of) => hits(of).count);
  counter(TRITON_METRIC.cacheMisses, 'Items that were run.', ({ cache }) => cache.miss.count);
  counter(TRITON_METRIC.cacheHitDuration, 'Time to look up hits, in us.', (of) => us(hits(of)));
  counter(TRITON_METRIC.cacheMissDuration, 'Time to look up misses, in us.', ({ cache }) => us(cache.miss));
}

function cached(source: StateSource, statistics: Statistics) {
  const names = new Set(
    source.all().flatMap(({ model, version, cache }) => (cache ? [`${model}/${version}`] : [])),
  );
  return statistics.entries().filter(({ model, version }) => names.has(`${model}/${version}`));
}
