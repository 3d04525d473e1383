/**
 * Why a model version cannot be served: for logs and operators, never for callers. The message says what is
 * wrong with which file and what would help.
 */
export class LoadError extends Error {
  override readonly name = 'LoadError';
}

/** A fresh engine takes more memory than it may: another attempt would end the same way. */
export class MemoryLimitError extends LoadError {}
