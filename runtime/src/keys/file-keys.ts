import { hash } from 'node:crypto';
import { IN_WORDS } from '@headgate/contracts/issues';
import { keyFileSchema, MAX_KEY_FILE_BYTES } from '@headgate/contracts/keys';
import { type FileError, watchFile } from '../watch-file.ts';
import { type KeyStore, memoryKeyStore } from './key-store.ts';

/** Told about every version of the keys file. */
export interface KeyFileReport {
  /** `count` records are in force now, with these tiers; called for the first version too. */
  accepted(count: number, tiers: readonly string[]): void;
  /** A version was refused as a whole; the last good records stay in force. */
  refused(error: FileError): void;
}

export interface FileKeyStore extends KeyStore {
  stop(): void;
}

/** At once, where WebCrypto hands every digest to another thread and back: on a busy machine that is 0.3 ms. */
const sha256 = (text: string): Uint8Array => hash('sha256', text, 'buffer');

/**
 * Key records from a YAML file that may be changed while we run: a removed key is refused within a second.
 *
 * @throws FileError when there is no valid first version
 */
export function fileKeyStore(path: string, report: KeyFileReport): FileKeyStore {
  const check = (document: unknown) => {
    const { keys } = keyFileSchema.parse(document, IN_WORDS);
    const tiers = keys.map(({ tier }) => tier);
    return { store: memoryKeyStore(keys, sha256), tiers };
  };
  const file = watchFile(path, check, {
    maxBytes: MAX_KEY_FILE_BYTES,
    onChange: ({ tiers }) => report.accepted(tiers.length, tiers),
    onError: report.refused,
  });
  const { tiers } = file.current();
  report.accepted(tiers.length, tiers);
  return { find: (id) => file.current().store.find(id), digest: sha256, stop: file.stop };
}
