// Original file: protos/inference/model_config.proto


/**
 * Triton's clients read it to detect models that answer more than once; Headgate's never do.
 */
export interface ModelTransactionPolicy {
  'decoupled'?: (boolean);
}

/**
 * Triton's clients read it to detect models that answer more than once; Headgate's never do.
 */
export interface ModelTransactionPolicy__Output {
  'decoupled': (boolean);
}
