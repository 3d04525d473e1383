import { type RecordSink, RecordsRefusedError } from '@headgate/contracts/records/sink';

export interface ControlSinkOptions {
  /** Base URL of control. */
  readonly url: string;
  readonly timeoutMs: number;
}

/** Delivers to control over HTTP, for the layout whose database lives inside control. */
export function controlSink({ url, timeoutMs }: ControlSinkOptions): RecordSink {
  return {
    async deliver(records, signal) {
      const response = await fetch(new URL('/internal/records', url), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ records }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      }).catch((cause) => {
        throw new Error('control does not answer', { cause });
      });
      await response.body?.cancel();
      if (response.ok) return;
      if (response.status === 400) throw new RecordsRefusedError('control refuses the records');
      throw new Error(`control answered ${response.status}`);
    },
    close: async () => undefined,
  };
}
