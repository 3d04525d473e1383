/**
 * What stands in the way of a model version, as one word for metrics:
 *
 * - `missing`: there is no such version, or the registry that may have it does not answer
 * - `manifest`: the manifest or the labels are not valid
 * - `signature`: not signed by a key that is trusted
 * - `digest`: a file is not the one that the manifest lists, or is not listed
 * - `model`: the runtime cannot load or run it, or it contradicts the manifest
 * - `golden`: its answers are not the recorded ones
 * - `engine`: the engine process ended, or was not ready in time
 */
export type LoadErrorKind = 'missing' | 'manifest' | 'signature' | 'digest' | 'model' | 'golden' | 'engine';

export interface LoadErrorOptions {
  /** Default: `engine`. */
  readonly kind?: LoadErrorKind;
  /** What lies behind it, for logs. */
  readonly cause?: unknown;
}

/**
 * Why a model version cannot be served: for logs and operators, never for callers. The message says what is
 * wrong with which file and what would help.
 */
export class LoadError extends Error {
  override readonly name = 'LoadError';
  readonly kind: LoadErrorKind;

  constructor(message: string, { kind = 'engine', cause }: LoadErrorOptions = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/** The kind of anything that was thrown while a version was loaded. */
export function loadErrorKind(thrown: unknown): LoadErrorKind {
  return thrown instanceof LoadError ? thrown.kind : 'engine';
}

/** A fresh engine takes more memory than it may: another attempt would end the same way. */
export class MemoryLimitError extends LoadError {}
