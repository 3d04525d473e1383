import { readFileSync } from 'node:fs';

/** What `npm start -- --ready-file PATH` writes once everything is warm. */
export interface Ready {
  /** Base URL; null in the fallback without Envoy. */
  readonly https: string | null;
  /** Base URL of the gateway, plain HTTP on loopback. */
  readonly gateway: string;
  readonly caFile: string | null;
  readonly keys: { readonly client: string; readonly bench: string; readonly admin: string };
  /** host:port */
  readonly inferenceGrpc: string;
  /** Address and PEM files of the mTLS listener. */
  readonly internalGrpc: {
    readonly address: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  } | null;
  /** URLs on the gateway's internal port. */
  readonly health: string;
  readonly metrics: string;
  readonly openapi: string;
  readonly mode: 'full' | 'fallback';
  /** Name of the default model. */
  readonly model: string;
}

/** Reads the ready file; undefined while there is none. */
export function readReadyFile(path: string): Ready | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Ready;
  } catch {
    return undefined;
  }
}
