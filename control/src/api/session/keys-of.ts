import { type FileKeyStore, fileKeyStore } from '@headgate/runtime/keys/file-keys';
import { type KeyStore, memoryKeyStore } from '@headgate/runtime/keys/key-store';
import type { Logger } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';

/** Control stores records also where it has no keys; then nobody can log in. */
export function keysOf(
  path: string,
  logger: Pick<Logger, 'info' | 'error'>,
): Pick<FileKeyStore, keyof KeyStore | 'stop'> {
  const refused = (err: FileError) =>
    logger.error({ err }, 'the keys file cannot be used; control keeps the last good one');
  try {
    return fileKeyStore(path, {
      accepted: (count) => logger.info({ keys: count }, 'key records in force'),
      refused,
    });
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    refused(error);
    return { ...memoryKeyStore([]), stop: () => undefined };
  }
}
