import { type FileKeyStore, fileKeyStore } from '@headgate/runtime/keys/file-keys';
import { type KeyStore, memoryKeyStore } from '@headgate/runtime/keys/key-store';
import type { Logger } from '@headgate/runtime/logger';
import { FileError } from '@headgate/runtime/watch-file';

const EVERY_MS = 1000;

/** Control stores records also where it has no keys: nobody can log in until the file is there and good. */
export function keysOf(
  path: string,
  logger: Pick<Logger, 'info' | 'error'>,
): Pick<FileKeyStore, keyof KeyStore | 'stop'> {
  const refused = (err: FileError) =>
    logger.error({ err }, 'the keys file cannot be used; control keeps the last good one');
  let told: string | undefined;
  let store: FileKeyStore | undefined;
  const open = () => {
    try {
      store = fileKeyStore(path, {
        accepted: (count) => logger.info({ keys: count }, 'key records in force'),
        refused,
      });
      clearInterval(timer);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (error.message !== told) refused(error);
      told = error.message;
    }
  };
  const timer = setInterval(open, EVERY_MS).unref();
  open();
  const none = memoryKeyStore([]);
  return {
    find: (id) => (store ?? none).find(id),
    digest: (secret) => (store ?? none).digest(secret),
    stop() {
      clearInterval(timer);
      store?.stop();
    },
  };
}
