import { resolve } from 'node:path';
import { isCallable } from '@headgate/contracts/config/networks';
import type { Config } from '@headgate/contracts/config/schema';
import { isDevelopmentKeyId } from '@headgate/contracts/development';
import { describeIssues, IN_WORDS } from '@headgate/contracts/issues';
import { type KeyRecord, keyFileSchema, MAX_KEY_FILE_BYTES } from '@headgate/contracts/keys';
import { routingSchema } from '@headgate/contracts/routing';
import { z } from 'zod';
import { InternalSecretError, readInternalSecret } from '../internal-secret.ts';
import { ConfigError } from '../load-config.ts';
import { readDocument } from '../read-document.ts';
import { readRegularFileSync } from '../read-file.ts';
import { certificateProblems } from './certificate.ts';

export const PARTS = ['gateway', 'inference', 'control', 'envoy'] as const;
export type Part = (typeof PARTS)[number];

/** What production needs and no default can give; docs/production.md has a row for each. */
export interface Requirement {
  readonly name: string;
  /** The setting that names it. */
  readonly setting: string;
  /** Parts that need it. */
  readonly parts: readonly Part[];
  /** Staging may be local here. */
  readonly productionOnly?: true;
  /** What is missing, each with what to do; empty: nothing. */
  readonly problems: (config: Config, root: string) => readonly string[];
}

const CREATE_KEY = 'npx headgate keys create --name NAME';

export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: 'API keys',
    setting: 'gateway.keys_file',
    parts: ['gateway'],
    problems: ({ gateway }, root) => {
      const { value, problem } = read(resolve(root, gateway.keys_file), keyFileSchema, CREATE_KEY);
      return value ? keyProblems(value.keys, gateway) : [problem];
    },
  },
  {
    name: 'Routing table',
    setting: 'routing_file',
    parts: ['gateway', 'inference'],
    problems: ({ routing_file, routing_config_map }, root) => {
      // The start needs the ConfigMap or its copy, and names what is wrong with both.
      if (routing_config_map !== '') return [];
      const { problem } = read(
        resolve(root, routing_file),
        routingSchema,
        'copy config/routing.yaml, and name your models',
      );
      return problem === undefined ? [] : [problem];
    },
  },
  {
    name: 'Internal secret',
    setting: 'listen.internal_secret_file',
    parts: PARTS,
    productionOnly: true,
    problems: ({ listen }, root) => {
      if (listen.internal_secret_file === '') return ['none is named; state/internal.secret is the default'];
      try {
        readInternalSecret(listen, root);
        return [];
      } catch (error) {
        if (error instanceof InternalSecretError) return [error.problem];
        throw error;
      }
    },
  },
  {
    name: 'Host names',
    setting: 'envoy.server_names',
    parts: ['envoy'],
    productionOnly: true,
    problems: ({ envoy }) => {
      const wrong = envoy.server_names.filter((name) => !isCallable(name));
      const remedy = `name the hosts that clients call: HEADGATE_ENVOY__SERVER_NAMES='["HOST"]'`;
      return wrong.length === 0 ? [] : [`${wrong.join(', ')}: for tests, or no name of a host; ${remedy}`];
    },
  },
  {
    name: 'Public certificate',
    setting: 'envoy.tls_dir',
    parts: ['envoy'],
    productionOnly: true,
    problems: ({ envoy }, root) => {
      const names = envoy.server_names.filter(isCallable);
      const remedy = 'npx headgate certificate install CHAIN KEY';
      const files = ['tls.crt', 'tls.key'];
      return certificateProblems(resolve(root, envoy.tls_dir), { files, names, remedy });
    },
  },
  {
    name: 'Internal certificates',
    setting: 'envoy.internal_tls_dir',
    parts: ['envoy'],
    productionOnly: true,
    problems: ({ envoy }, root) => {
      const remedy = 'make an authority of your own (docs/production.md)';
      const files = ['tls.crt', 'tls.key', 'ca.crt'];
      return certificateProblems(resolve(root, envoy.internal_tls_dir), { files, names: [], remedy });
    },
  },
];

function keyProblems(keys: readonly KeyRecord[], { oidc, rate_limit }: Config['gateway']): string[] {
  const development = keys.map(({ id }) => id).filter(isDevelopmentKeyId);
  const tiers = [...new Set(keys.map(({ tier }) => tier))];
  const unknown = tiers.filter((tier) => !Object.hasOwn(rate_limit.tiers, tier));
  const problems = unknown.map(
    (tier) => `keys name the tier ${tier}; add it under gateway.rate_limit.tiers, or give them another one`,
  );
  if (development.length > 0) {
    problems.push(`${development.join(', ')}: a development key; remove each: npx headgate keys revoke ID`);
  }
  if (keys.length === 0 && oidc.issuers.length === 0) {
    problems.push(`nobody may call: no key and no issuer of tokens; ${CREATE_KEY}`);
  }
  return problems;
}

/** One line for each thing that these parts lack; none in development. */
export function missingFor(config: Config, root: string, parts: readonly Part[] = PARTS): string[] {
  if (config.environment === 'dev') return [];
  return REQUIREMENTS.filter(
    (one) =>
      one.parts.some((part) => parts.includes(part)) &&
      (config.environment === 'production' || !one.productionOnly),
  ).flatMap(({ name, setting, problems }) =>
    problems(config, root).map((problem) => `${name} (${setting}): ${problem}`),
  );
}

/** @throws ConfigError with everything that this part lacks */
export function refuseUnready(config: Config, root: string, part: Part): void {
  refuse(config, missingFor(config, root, [part]));
}

/** @throws ConfigError when something is missing */
export function refuse({ environment }: Config, missing: readonly string[]): void {
  if (missing.length === 0) return;
  const lines = missing.map((line) => `\n  ${line}`).join('');
  throw new ConfigError(
    `${environment} cannot start; this is missing (docs/production.md shows how to make each):${lines}`,
  );
}

/** What an operator may want in production, and should know of. */
export function warningsFor({ environment, gateway, inference }: Config, part: Part): string[] {
  if (environment === 'dev') return [];
  if (part === 'gateway' && gateway.docs_public) {
    return ['gateway.docs_public is true: everybody may read /docs and /openapi.json'];
  }
  const isUnsigned = part === 'inference' && !inference.models_trust.require_signature;
  return isUnsigned ? ['inference.models_trust.require_signature is false: models need no signature'] : [];
}

type Read<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

/** Reads a key file, or a routing table, which is smaller. */
function read<S extends z.ZodType>(path: string, schema: S, remedy: string): Read<z.output<S>> {
  try {
    const bytes = readRegularFileSync(path, { maxBytes: MAX_KEY_FILE_BYTES });
    return { value: readDocument(bytes, (document) => schema.parse(document, IN_WORDS)) };
  } catch (error) {
    if (error instanceof z.ZodError) return { problem: `${path}: ${describeIssues(error).join('; ')}` };
    if (error instanceof RangeError) return { problem: `${path}: ${error.message}` };
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { problem: `${path} cannot be read; ${remedy}` };
  }
}
