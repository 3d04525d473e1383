import { createHmac, hash } from 'node:crypto';

/** Bytes of a key behind pseudonyms. */
export const PSEUDONYM_KEY_BYTES = 32;

/** Characters of a pseudonym: 128 bits. */
const LENGTH = 32;

/** Whom a pseudonym stands for. */
export type Purpose = 'credential' | 'address';

/** What stands in the log for `value`. Only whoever has the key can tell, by trying. */
export function pseudonym(key: Uint8Array, purpose: Purpose, value: string): string {
  return createHmac('sha256', key).update(`${purpose}\n${value}`).digest('hex').slice(0, LENGTH);
}

/** File with the key of one credential. */
export function credentialKeyFile(id: string): string {
  return `credential-${hash('sha256', id, 'hex').slice(0, LENGTH)}.key`;
}

/** File with the key of those credentials of one day (UTC) that get none of their own. */
export function sharedKeyFile(atMs: number): string {
  return `shared-${new Date(atMs).toISOString().slice(0, 10)}.key`;
}

/** True for the file of one credential. */
export function isCredentialKeyFile(name: string): boolean {
  return /^credential-[0-9a-f]{32}\.key$/.test(name);
}

/** File with the key of the addresses of one day (UTC). */
export function addressKeyFile(atMs: number): string {
  return `address-${new Date(atMs).toISOString().slice(0, 10)}.key`;
}

/** The day of a key that many share, in ms since the Unix epoch; undefined for every other name. */
export function dayOfKeyFile(name: string): number | undefined {
  const day = /^(?:address|shared)-(\d{4}-\d{2}-\d{2})\.key$/.exec(name)?.[1];
  return day === undefined ? undefined : Date.parse(day);
}
