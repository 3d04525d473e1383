import { type RecordSink, RecordsRefusedError } from '@headgate/stores/records/sink';

/** What control answers to records that are none, and to more bytes than it takes at once. */
const REFUSALS = new Set([400, 413]);

/** Delivers to control over HTTP, for the layout whose database lives inside control. @param url its base */
export function controlSink(url: string): RecordSink {
  return {
    async deliver(records, signal) {
      const response = await fetch(new URL('/internal/records', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records }),
        signal,
      }).catch((cause) => {
        throw new Error('control does not answer', { cause });
      });
      await response.body?.cancel();
      if (response.ok) return;
      if (REFUSALS.has(response.status)) {
        throw new RecordsRefusedError(`control refuses the records: ${response.status}`);
      }
      throw new Error(`control answered ${response.status}`);
    },
    close: async () => undefined,
  };
}
