import { METRIC, TRITON_METRIC } from '@headgate/contracts/names';
import type { Registry } from 'prom-client';
import type { ResponseCache } from '../cache/response-cache.ts';
import type { CacheOutcome } from '../item.ts';
import { collectedCounter, collectedGauge, perVersion } from './collected.ts';
import type { StateSource } from './state-metrics.ts';
import type { Statistics } from './statistics.ts';
import { sum, type Total } from './version-counters.ts';

const OUTCOMES: readonly CacheOutcome[] = ['hit', 'miss', 'shared'];

/** What response caches hold and save. Versions without a cache have no series. */
export function exposeCaches(registry: Registry, source: StateSource, statistics: Statistics): void {
  const cached = () => source.all().filter(({ cache }) => cache !== undefined);
  const counted = perVersion(registry, collectedCounter, () => statistics.entriesOf(cached()));
  counted.by(
    'outcome',
    METRIC.cacheRequests,
    'Items answered where a cache is on: hit, miss, or shared with a caller who asked at the same time.',
    ({ counters }) => OUTCOMES.map((outcome) => [outcome, counters.cache[outcome].count]),
  );
  const stores = () =>
    cached().map(({ model, version, cache }) => ({ model, version, cache: cache as ResponseCache }));
  const held = perVersion(registry, collectedGauge, stores);
  held.each(METRIC.cacheBytes, 'Bytes that the cache takes, overhead included.', ({ cache }) => cache.bytes);
  held.each(METRIC.cacheEntries, 'Answers that the cache holds.', ({ cache }) => cache.entries);
  perVersion(registry, collectedCounter, stores).by(
    'why',
    METRIC.cacheEvictions,
    'Answers that left the cache: for room, or because they expired.',
    ({ cache }) => Object.entries(cache.evictions),
  );
  // The same under Triton's names, in which a shared run counts as a hit: it was answered without a run of its own.
  const counter = (name: string, help: string, read: (hits: Total, misses: Total) => number) =>
    counted.each(name, help, ({ counters: { cache } }) => read(sum(cache.hit, cache.shared), cache.miss));
  const us = ({ ms }: Total) => Math.round(ms * 1000);
  counter(TRITON_METRIC.cacheHits, 'Items answered without a run of their own.', (hits) => hits.count);
  counter(TRITON_METRIC.cacheMisses, 'Items that were run.', (_, misses) => misses.count);
  counter(TRITON_METRIC.cacheHitDuration, 'Time to look up hits, in us.', us);
  counter(TRITON_METRIC.cacheMissDuration, 'Time to look up misses, in us.', (_, misses) => us(misses));
}
