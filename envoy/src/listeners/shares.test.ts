import { describe, expect, it } from 'vitest';
import type { Any } from '../any.ts';
import type { ConsistentHashing } from '../gen/envoy/extensions/matching/input_matchers/consistent_hashing/v3/consistent_hashing.ts';
import type { Matcher } from '../gen/xds/type/matcher/v3/matcher.ts';
import { chainMatcher, sharesOf } from './shares.ts';

/** The chain for a hash of `value`, as Envoy would walk through the matcher. */
function chainFor(value: number, { matcher_list, on_no_match }: Matcher): string {
  const half = matcher_list?.matchers?.[0];
  const hash = half?.predicate?.single_predicate?.custom_match?.typed_config as Any & ConsistentHashing;
  const isUpper = value % Number(hash.modulo) >= Number(hash.threshold);
  const next = isUpper ? half?.on_match : on_no_match;
  if (next?.matcher) return chainFor(value, next.matcher);
  const name = next?.action?.typed_config as Any & { value: string };
  return name.value;
}

describe('the shares of a listener', () => {
  it.each([
    [1, 32, 1, 1],
    [9, 32, 1, 9],
    [25, 32, 2, 12],
    [319, 32, 31, 10],
    [1000, 8, 8, 125],
    [10_000, 32, 32, 312],
    [10_000, 1, 1, 10_000],
  ])('of %i connections in at most %i parts are %i of %i', (max, count, shares, each) => {
    const found = sharesOf('x', max, count);
    expect(found.map(({ maxConnections }) => maxConnections)).toEqual(new Array(shares).fill(each));
    expect(new Set(found.map(({ name }) => name)).size).toBe(shares);
    expect(shares * each).toBeLessThanOrEqual(max);
  });

  it.each([2, 3, 8, 31, 32])('are each chosen by one value of %i of the hash', (count) => {
    const shares = sharesOf('x', 10_000, count);
    const matcher = chainMatcher(shares, []) as Matcher;
    const chosen = Array.from({ length: count }, (_, value) => chainFor(value, matcher));
    expect(chosen).toEqual(shares.map(({ name }) => name));
  });

  it('need no matcher when there is one', () => {
    expect(chainMatcher(sharesOf('x', 100, 1), [])).toBeUndefined();
  });

  it('are chosen with another seed each time', () => {
    const shares = sharesOf('x', 10_000, 32);
    expect(chainMatcher(shares, [])).not.toEqual(chainMatcher(shares, []));
  });

  it('are for the networks that may connect, where some are named', () => {
    const matcher = chainMatcher(sharesOf('x', 100, 1), ['10.0.8.0/24', 'fd00::/8']);
    expect(JSON.stringify(matcher)).toContain('"address_prefix":"fd00::","prefix_len":8');
    expect(matcher).not.toHaveProperty('on_no_match');
  });
});
