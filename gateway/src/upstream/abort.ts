import { HeadgateError } from '@headgate/contracts/errors';

/** Why the app gave up on a call: it may have said so itself, as the reason of its signal. */
export function fromAbort(signal: AbortSignal, cause?: unknown): HeadgateError {
  if (signal.reason instanceof HeadgateError) return signal.reason;
  return new HeadgateError('cancelled', 'The request was cancelled.', { cause });
}
