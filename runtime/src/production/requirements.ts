import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { isLoopback } from '@headgate/contracts/config/networks';
import type { Config } from '@headgate/contracts/config/schema';
import { isDevelopmentKeyId } from '@headgate/contracts/development';
import { keyFileSchema } from '@headgate/contracts/keys';
import { describeIssues, routingSchema } from '@headgate/contracts/routing';
import { z } from 'zod';
import { readInternalSecret } from '../internal-secret.ts';
import { ConfigError } from '../load-config.ts';
import { parseYaml } from '../parse-yaml.ts';
import { certificateProblems } from './certificate.ts';

export const PARTS = ['gateway', 'inference', 'control', 'envoy'] as const;
export type Part = (typeof PARTS)[number];

/** What production needs and no default can give; docs/production.md has a row for each. */
export interface Requirement {
  readonly name: string;
  /** The setting that names it. */
  readonly setting: string;
  /** Who cannot do without. */
  readonly parts: readonly Part[];
  /** Staging may be local here. */
  readonly productionOnly?: true;
  /** What is missing, each with what to do; empty: nothing. */
  readonly problems: (config: Config, root: string) => readonly string[];
}

export const REQUIREMENTS: readonly Requirement[] = [
  {
    name: 'API keys',
    setting: 'gateway.keys_file',
    parts: ['gateway'],
    problems: ({ gateway }, root) => {
      const keys = read(
        resolve(root, gateway.keys_file),
        keyFileSchema,
        'npx headgate keys create --name NAME',
      );
      if (!keys.value) return [keys.problem];
      const found = keys.value.keys.filter(({ id }) => isDevelopmentKeyId(id)).map(({ id }) => id);
      if (found.length > 0) {
        return [`${found.join(', ')}: a development key; remove each: npx headgate keys revoke ID`];
      }
      const nobody = keys.value.keys.length === 0 && gateway.oidc.issuers.length === 0;
      return nobody
        ? ['nobody may call: no key and no issuer of tokens; npx headgate keys create --name NAME']
        : [];
    },
  },
  {
    name: 'Tiers',
    setting: 'gateway.rate_limit.tiers',
    parts: ['gateway'],
    problems: ({ gateway }, root) => {
      const { value } = read(resolve(root, gateway.keys_file), keyFileSchema, '');
      const named = new Set(value?.keys.map(({ tier }) => tier));
      const unknown = [...named].filter((tier) => !Object.hasOwn(gateway.rate_limit.tiers, tier));
      return unknown.map(
        (tier) => `keys name the tier ${tier}; add it to the configuration, or give those keys another one`,
      );
    },
  },
  {
    name: 'Routing table',
    setting: 'routing_file',
    parts: ['gateway', 'inference'],
    problems: ({ routing_file }, root) => {
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
        return [(error as ConfigError).message.replace(/^[^ ]* /, '')];
      }
    },
  },
  {
    name: 'Host names',
    setting: 'envoy.server_names',
    parts: ['envoy'],
    productionOnly: true,
    problems: ({ envoy }) => {
      const reserved = envoy.server_names.filter(isReserved);
      const remedy = `name the hosts that clients call: HEADGATE_ENVOY__SERVER_NAMES='["HOST"]'`;
      return reserved.length === 0 ? [] : [`${reserved.join(', ')}: for examples and tests; ${remedy}`];
    },
  },
  {
    name: 'Public certificate',
    setting: 'envoy.tls_dir',
    parts: ['envoy'],
    productionOnly: true,
    problems: ({ envoy }, root) => {
      const names = envoy.server_names.filter((name) => !isReserved(name));
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

/** Names of RFC 2606 and RFC 6761, and this machine. */
function isReserved(name: string): boolean {
  if (isIP(name) !== 0) return isLoopback(name);
  return /(^|\.)(localhost|test|invalid|example(\.(com|net|org))?)\.?$/i.test(name);
}

type Read<T> =
  | { readonly value: T; readonly problem?: undefined }
  | { readonly value?: undefined; readonly problem: string };

function read<S extends z.ZodType>(path: string, schema: S, remedy: string): Read<z.output<S>> {
  try {
    return { value: schema.parse(parseYaml(readFileSync(path, 'utf8'))) };
  } catch (error) {
    if (error instanceof z.ZodError) return { problem: `${path}: ${describeIssues(error).join('; ')}` };
    if (error instanceof RangeError) return { problem: `${path}: ${error.message}` };
    return { problem: `${path} cannot be read; ${remedy}` };
  }
}
