// Original file: protos/inference/model_config.proto


/**
 * Set by Triton's clients to tell models that answer more than once; Headgate's never do.
 */
export interface ModelTransactionPolicy {
  'decoupled'?: (boolean);
}

/**
 * Set by Triton's clients to tell models that answer more than once; Headgate's never do.
 */
export interface ModelTransactionPolicy__Output {
  'decoupled': (boolean);
}
