import { type EmbeddedDatabase, openPglite } from './pglite.ts';

/** The database of this process, opened by whoever asks first. */
export interface LazyDatabase {
  /** What failed to open is tried again by the next who asks. */
  get(): Promise<EmbeddedDatabase>;
  close(): Promise<void>;
}

/**
 * A database in a directory, for this process alone. It is opened when it is needed: starting it takes more than a
 * second of a core, which a start of the service has better use for.
 */
export function embeddedDatabase(dir: string): LazyDatabase {
  let opened: Promise<EmbeddedDatabase> | undefined;
  return {
    get() {
      opened ??= openPglite(dir).catch((error) => {
        opened = undefined;
        throw error;
      });
      return opened;
    },
    async close() {
      await (await opened)?.close();
    },
  };
}
