import type { OidcConfig, OidcIssuer } from '@headgate/contracts/config/schema';
import { OTHER } from '@headgate/contracts/names';
import type { TimerClock } from '@headgate/runtime/clock';
import type { DependencyConfig } from '@headgate/runtime/resilience/policies';
import { createPolicy } from '@headgate/runtime/resilience/policy';
import type { ResilienceReport } from '@headgate/runtime/resilience/report';
import { sharedReport } from '@headgate/runtime/resilience/shared-report';
import { decodeJwt } from 'jose';
import { Shares } from '../../shares.ts';
import type { TokenRefusal, TokenVerifier } from '../tokens.ts';
import { loadKeys } from './discovery.ts';
import { createKeySet, type KeySet } from './key-set.ts';
import { verifyToken } from './verify-token.ts';

/** Told what becomes of keys and tokens; `issuer` is a configured name, or `other`. */
export interface OidcReport {
  keysLoaded(issuer: string, keys: number): void;
  keysFailed(issuer: string, error: unknown): void;
  tokenRefused(issuer: string, refusal: TokenRefusal): void;
}

export interface OidcOptions {
  readonly config: OidcConfig;
  /** How an issuer is asked for its keys (`dependencies.jwks`). */
  readonly dependency: DependencyConfig;
  readonly fetch: typeof globalThis.fetch;
  readonly clock: TimerClock;
  readonly report: OidcReport;
  readonly resilience: ResilienceReport;
}

export interface OidcVerifier extends TokenVerifier {
  /** Keys of each issuer, by its configured name. */
  readonly keySets: ReadonlyMap<string, KeySet>;
}

/** Longer tokens are refused unread; those of an issuer with many groups have about 4 KiB. */
const MAX_TOKEN_BYTES = 8192;

/** Requests that may wait for keys, of all issuers: an eighth of Envoy's connections to a gateway. The next is refused at once. */
const MAX_WAITING = 128;

interface Known {
  readonly issuer: OidcIssuer;
  readonly keys: KeySet;
}

/** Accepts bearer tokens (JWT) of the configured issuers; begins to load their keys at once. */
export function oidcVerifier(options: OidcOptions): OidcVerifier {
  const { config, dependency, fetch, clock, report } = options;
  const waiting = new Shares(MAX_WAITING);
  const reportOfOne = sharedReport('jwks', options.resilience);
  const known = new Map(
    config.issuers.map((issuer): [string, Known] => {
      // One for each issuer: an outage of one must not keep the keys of another away.
      const policy = createPolicy({
        dependency: 'jwks',
        config: dependency,
        report: reportOfOne(),
        nowMs: clock.monotonicMs,
      });
      const keys = createKeySet({
        ...config.keys,
        load: () => policy.run((signal) => loadKeys(issuer, fetch, signal)),
        clock,
        waiting,
        report: {
          loaded: (count) => report.keysLoaded(issuer.name, count),
          failed: (error) => report.keysFailed(issuer.name, error),
        },
      });
      void keys.refresh();
      return [issuer.issuer, { issuer, keys }];
    }),
  );

  const refuse = (refusal: TokenRefusal, name: string = OTHER): TokenRefusal => {
    report.tokenRefused(name, refusal);
    return refusal;
  };

  return {
    keySets: new Map([...known.values()].map(({ issuer, keys }) => [issuer.name, keys])),
    async verify(token, caller) {
      if (token.length > MAX_TOKEN_BYTES) return refuse('too_large');
      const claimed = claimedIssuer(token);
      if (claimed === undefined) return refuse('malformed');
      const entry = known.get(claimed);
      if (!entry) return refuse('unknown_issuer');
      const outcome = await verifyToken(token, entry.issuer, { keys: entry.keys, clock, caller });
      return typeof outcome === 'string' ? refuse(outcome, entry.issuer.name) : outcome;
    },
  };
}

/** Whose token it says it is, unverified: decides only whose keys are asked. */
function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}
