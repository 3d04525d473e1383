import { randomInt } from 'node:crypto';
import { pack } from '../any.ts';
import type { CidrRange } from '../gen/envoy/config/core/v3/address.ts';
import type { TypedExtensionConfig } from '../gen/envoy/config/core/v3/extension.ts';
import type { ListenerFilter } from '../gen/envoy/config/listener/v3/listener_components.ts';
import type {
  Matcher,
  Matcher_MatcherList_Predicate,
  Matcher_OnMatch,
} from '../gen/xds/type/matcher/v3/matcher.ts';

/**
 * A listener divides its connections into shares. The address of a caller decides, by a hash, which share it counts
 * against: a client that opens connections without end fills one share and leaves the others alone (decision 0068).
 * Each share is a filter chain, because the connection limit of Envoy counts per chain.
 */
export interface Share {
  readonly name: string;
  readonly maxConnections: number;
}

/** Smaller shares would refuse ordinary clients; a small listener has fewer shares instead. */
const SMALLEST_SHARE = 10;

/** Together the shares have at most `maxConnections`. */
export function sharesOf(name: string, maxConnections: number, count: number): readonly Share[] {
  const shares = Math.max(1, Math.min(count, Math.floor(maxConnections / SMALLEST_SHARE)));
  return Array.from({ length: shares }, (_, i) => ({
    name: shares === 1 ? name : `${name}-${i}`,
    maxConnections: Math.floor(maxConnections / shares),
  }));
}

/** Where the connection keeps the network of its client. */
const NETWORK = 'headgate.network';

/** What quotas count by as well: an IPv4 address, the /64 network of an IPv6 address. */
export function rememberNetwork(): ListenerFilter {
  const inline_string = '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(64)%';
  return {
    name: 'envoy.filters.listener.set_filter_state',
    typed_config: pack('envoy.extensions.filters.listener.set_filter_state.v3.Config', {
      on_accept: [
        {
          object_key: NETWORK,
          factory_key: 'envoy.string',
          format_string: { text_format_source: { inline_string } },
        },
      ],
    }),
  };
}

const CLIENT_NETWORK: TypedExtensionConfig = {
  name: 'envoy.matching.inputs.filter_state',
  typed_config: pack('envoy.extensions.matching.common_inputs.network.v3.FilterStateInput', { key: NETWORK }),
};

/** The address at the other end of the connection: a load balancer's, where there is one. */
const PEER: TypedExtensionConfig = {
  name: 'envoy.matching.inputs.direct_source_ip',
  typed_config: pack('envoy.extensions.matching.common_inputs.network.v3.DirectSourceIPInput', {}),
};

/**
 * Chooses the filter chain of a connection. The seed is new in each configuration, so that nobody can look for
 * addresses that share with a victim.
 *
 * @param peers networks that may connect, the others are refused; all where there are none
 */
export function chainMatcher(shares: readonly Share[], peers: readonly string[]): Matcher | undefined {
  const seed = randomInt(2 ** 48 - 1);
  const names = shares.map(({ name }) => name);
  const choice = halves({ names, from: 0, modulo: names.length, seed });
  if (peers.length > 0)
    return { matcher_list: { matchers: [{ predicate: isFrom(peers), on_match: choice }] } };
  return choice.matcher;
}

interface Half {
  readonly names: readonly string[];
  /** Place of the first name among all of them. */
  readonly from: number;
  readonly modulo: number;
  readonly seed: number;
}

/** Halves the range of the hash until one chain is left. */
function halves({ names, from, modulo, seed }: Half): Matcher_OnMatch {
  const [only, another] = names;
  if (only !== undefined && another === undefined) return chain(only);
  const middle = Math.floor(names.length / 2);
  const threshold = from + middle;
  const predicate = {
    single_predicate: { input: CLIENT_NETWORK, custom_match: atLeast(threshold, modulo, seed) },
  };
  const upper = halves({ names: names.slice(middle), from: threshold, modulo, seed });
  return {
    matcher: {
      matcher_list: { matchers: [{ predicate, on_match: upper }] },
      on_no_match: halves({ names: names.slice(0, middle), from, modulo, seed }),
    },
  };
}

function atLeast(threshold: number, modulo: number, seed: number): TypedExtensionConfig {
  return {
    name: 'envoy.matching.matchers.consistent_hashing',
    typed_config: pack('envoy.extensions.matching.input_matchers.consistent_hashing.v3.ConsistentHashing', {
      threshold,
      modulo,
      seed,
    }),
  };
}

function isFrom(networks: readonly string[]): Matcher_MatcherList_Predicate {
  const custom_match = {
    name: 'envoy.matching.matchers.ip',
    typed_config: pack('envoy.extensions.matching.input_matchers.ip.v3.Ip', {
      cidr_ranges: networks.map(cidrRange),
      stat_prefix: 'balancers',
    }),
  };
  return { single_predicate: { input: PEER, custom_match } };
}

function cidrRange(block: string): CidrRange {
  const [address_prefix = '', bits] = block.split('/');
  return { address_prefix, prefix_len: Number(bits) };
}

function chain(name: string): Matcher_OnMatch {
  return {
    action: { name: 'filter-chain', typed_config: pack('google.protobuf.StringValue', { value: name }) },
  };
}
