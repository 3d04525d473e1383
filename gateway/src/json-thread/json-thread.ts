import { Worker } from 'node:worker_threads';
import { HeadgateError } from '@headgate/contracts/errors';
import { doStep, type InputOf, type JsonStep, type JsonWork, type OutputOf } from '../routes/v2/json-work.ts';
import type { FromThread, ToThread } from './serve.ts';
import { Turns } from './turns.ts';

/** Up to this much JSON takes at most 10 ms, and less time here than the way to the thread and back. */
const SMALL_BYTES = 32 * 1024;

/** Several times what 4 MiB of JSON become. A thread that needs more ends, and a new one is started. */
const LIMITS = { maxOldGenerationSizeMb: 256 };

const ENTRY = new URL(import.meta.url.endsWith('.ts') ? './serve.ts' : './json-thread.js', import.meta.url);

type Outcome = OutputOf<JsonStep> | HeadgateError;

interface Job extends ToThread {
  readonly settle: (outcome: Outcome) => void;
}

/**
 * Does steps with much JSON on a thread of its own, one at a time, callers in turn, so that nobody else waits for them.
 * The thread is started by the first of them. How many wait is bounded by the requests in progress.
 *
 * @param entry module of the thread
 */
export function createJsonThread(entry = ENTRY): JsonWork {
  const waiting = new Turns<Job>();
  let thread: Worker | undefined;
  let running: Job | undefined;

  const done = (outcome: Outcome) => {
    running?.settle(outcome);
    running = undefined;
    next();
  };

  const ended = (cause: unknown) => {
    thread = undefined;
    done(failure(cause));
  };

  const next = () => {
    if (running) return;
    running = waiting.next();
    if (!running) return;
    thread ??= startThread(entry, { done, ended });
    const { step, input } = running;
    thread.postMessage({ step, input } satisfies ToThread);
  };

  const onThread = <S extends JsonStep>(
    step: S,
    input: InputOf<S>,
    { caller, deadline }: Parameters<JsonWork>[2],
  ) =>
    new Promise<OutputOf<S>>((resolve, reject) => {
      const job: Job = {
        step,
        input,
        settle(outcome) {
          release();
          if (outcome instanceof HeadgateError) reject(outcome);
          else resolve(outcome as OutputOf<S>);
        },
      };
      waiting.add(caller, job);
      const release = deadline.onOver((why) => {
        // A step that runs already goes on; its output is dropped.
        waiting.remove(caller, job);
        reject(why);
      });
      next();
    });

  return async (step, input, call) => {
    call.deadline.throwIfOver();
    return call.bytes <= SMALL_BYTES ? doStep(step, input) : onThread(step, input, call);
  };
}

interface Listeners {
  readonly done: (outcome: Outcome) => void;
  /** @param cause what ended it, if it did not end by itself */
  readonly ended: (cause: unknown) => void;
}

function startThread(entry: URL, { done, ended }: Listeners): Worker {
  const worker = new Worker(entry, { resourceLimits: LIMITS, env: {} });
  worker.unref();
  worker.on('message', (message: FromThread) => done(outcomeOf(message)));
  let cause: unknown;
  worker.once('error', (error) => {
    cause = error;
  });
  worker.once('exit', () => ended(cause));
  return worker;
}

function outcomeOf(message: FromThread): Outcome {
  if ('output' in message) return message.output;
  const { reason, detail, cause } = message;
  return new HeadgateError(reason, detail, { cause });
}

function failure(cause: unknown): HeadgateError {
  const detail = 'The JSON could not be processed. Please send the request id to the operator.';
  return new HeadgateError('internal', detail, { cause });
}
