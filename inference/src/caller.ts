import type { Metadata } from '@grpc/grpc-js';
import { METADATA } from '@headgate/contracts/names';

/** Longer names are cut: they go into logs. */
const MAX_NAME = 256;

/**
 * Name in the client certificate of the caller, as Envoy's internal listener verified it: its URI, else its first DNS
 * name, else its subject, else its digest. Undefined for calls that did not come through it, such as those of the gateway.
 *
 * The internal listener replaces whatever a client sends under this name (`SANITIZE_SET`). Whoever reaches inference's
 * own port can claim to be anybody, which is why that port is on loopback, or behind a network policy.
 */
export function callerOf(metadata: Metadata): string | undefined {
  const [value] = metadata.get(METADATA.clientCertificate);
  if (typeof value !== 'string') return undefined;
  const fields = fieldsOf(value);
  const name = fields.get('URI') || fields.get('DNS') || fields.get('Subject') || fields.get('Hash');
  return name?.slice(0, MAX_NAME);
}

/** `Key=value` or `Key="quoted \" value"`, between semicolons; the first of each key counts. */
const FIELD = /(?:^|;)([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^;,"]*))/g;

function fieldsOf(header: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const [, key, quoted, plain] of header.matchAll(FIELD)) {
    if (key === undefined || fields.has(key)) continue;
    fields.set(key, quoted?.replaceAll(/\\(.)/g, '$1') ?? plain ?? '');
  }
  return fields;
}
