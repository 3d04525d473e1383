import { parentPort, type Transferable } from 'node:worker_threads';
import { type HeadgateError, type Reason, toHeadgateError } from '@headgate/contracts/errors';
import { doStep, type InputOf, type JsonStep, type OutputOf } from '../routes/v2/json-work.ts';

export interface ToThread {
  readonly step: JsonStep;
  readonly input: InputOf<JsonStep>;
}

export type FromThread =
  | { readonly output: OutputOf<JsonStep> }
  | { readonly reason: Reason; readonly detail: string; readonly cause: string };

/** The thread's side: one message, one step, one answer. */
parentPort?.on('message', ({ step, input }: ToThread) => {
  try {
    const output = doStep(step, input);
    reply({ output }, buffersOf(output));
  } catch (thrown) {
    const { reason, detail, cause }: HeadgateError = toHeadgateError(thrown);
    reply({ reason, detail, cause: String(cause) });
  }
});

function reply(message: FromThread, transfer: Transferable[] = []): void {
  parentPort?.postMessage(message, transfer);
}

/** Memory that moves to the other thread instead of being copied. Several blocks may be views on one body. */
function buffersOf(output: OutputOf<JsonStep>): ArrayBuffer[] {
  const views = 'body' in output ? [output.body] : (output.message.raw_input_contents ?? []);
  return [...new Set(views.map((view) => (view as Uint8Array<ArrayBuffer>).buffer))];
}
