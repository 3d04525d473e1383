import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '@headgate/contracts/config/schema';
import type { Listener } from '@headgate/contracts/names';
import type { DevKeys } from '../setup/keys.ts';
import type { Mode } from '../setup/mode.ts';
import { addressOf, reachable } from './listeners.ts';

/** Addresses and keys of a running service, for scripts and tests. Every path is absolute. */
export interface Service {
  /** Base URL; null in the fallback, which has no TLS. */
  readonly https: string | null;
  /** Base URL of the gateway, plain HTTP. */
  readonly gateway: string;
  readonly caFile: string | null;
  /** Null outside of development, where there are none. */
  readonly keys: DevKeys | null;
  /** host:port, plain text. */
  readonly inferenceGrpc: string;
  /** host:port of the mTLS listener, and what a client needs for it. */
  readonly internalGrpc: {
    readonly address: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  } | null;
  readonly health: string;
  readonly metrics: string;
  readonly openapi: string;
  /** The page of control; a key of the role admin logs in. */
  readonly console: string;
  readonly mode: Mode;
  /** Name of the default model. */
  readonly model: string;
}

/** The ready file also names the processes, for fault tests; null while one is down. */
export interface Ready extends Service {
  readonly pids: {
    readonly control: number | null;
    readonly gateway: number | null;
    readonly inference: number | null;
    readonly envoy: number | null;
  };
}

export interface ServiceOptions {
  readonly root: string;
  readonly mode: Mode;
  readonly keys: DevKeys | null;
  readonly model: string;
}

/** Addresses of the running service. */
export function describeService(config: Config, { root, mode, keys, model }: ServiceOptions): Service {
  const at = (listener: Listener) => reachable(addressOf(config, listener));
  // Clients that verify the certificate use a name that it has.
  const [name = ''] = config.environment === 'production' ? config.envoy.server_names : ['localhost'];
  const internalTls = resolve(root, config.envoy.internal_tls_dir);
  const full = mode === 'full';
  return {
    https: full ? `https://${at('https').replace('127.0.0.1:', `${name}:`)}` : null,
    gateway: `http://${at('gateway')}`,
    caFile:
      full && config.environment !== 'production'
        ? join(resolve(root, config.envoy.tls_dir), 'ca.crt')
        : null,
    keys,
    inferenceGrpc: at('inferenceGrpc'),
    internalGrpc: full
      ? {
          address: at('internalGrpcMtls').replace('127.0.0.1:', 'localhost:'),
          ca: join(internalTls, 'ca.crt'),
          cert: join(internalTls, 'client.crt'),
          key: join(internalTls, 'client.key'),
        }
      : null,
    health: `http://${at('gatewayInternal')}/readyz`,
    metrics: `http://${at('gatewayInternal')}/metrics`,
    openapi: `http://${at('gatewayInternal')}/openapi.json`,
    console: `http://${at('control')}/console/`,
    mode,
    model,
  };
}

/** Appears whole, readable by this user only: it holds keys. */
export function writeReadyFile(path: string, ready: Ready): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(`${path}.tmp`, `${JSON.stringify(ready, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.tmp`, path);
}

/** Removes the file of an earlier run, so that no reader mistakes it. */
export function removeReadyFile(path: string): void {
  rmSync(path, { force: true });
}
