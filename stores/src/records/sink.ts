import type { StoredRecord } from '@headgate/contracts/records';

/** Where records end up. Delivering a record again changes nothing. */
export interface RecordSink {
  /**
   * Settles once all of them are kept.
   *
   * @throws RecordsRefusedError when sending the same records again cannot help; anything else may pass
   */
  deliver(records: readonly StoredRecord[], signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** The sink will never take these records as they are. */
export class RecordsRefusedError extends Error {
  override readonly name = 'RecordsRefusedError';
}
