/**
 * What an error of ONNX Runtime means for the engine in which it happened:
 *
 * - `out_of_memory`: the same batch would fail again, and what the arena holds stays held
 * - `device_lost`: the CUDA context is broken; every further call of this process fails
 * - `model`: the model cannot take this batch; the engine is as good as before
 */
export type RunFailure = 'out_of_memory' | 'device_lost' | 'model';

const OUT_OF_MEMORY = [
  /CUDA failure 2: /,
  /CUDA(?: error)?\b.*\bout of memory/i,
  // BFCArena, of the host or of a device; the second with a limit on the arena.
  /Failed to allocate memory for requested buffer of size \d+/,
  /Available memory of \d+ is smaller than requested bytes of \d+/,
  // cuBLAS, cuDNN up to 8, cuFFT; and cuDNN from 9 on.
  /\bCU[A-Z]+_STATUS_ALLOC_FAILED\b/,
  /\bCUDNN_STATUS_\w*_ALLOCATION_FAILED\b/,
  /\bstd::bad_alloc\b|\bbad allocation\b/,
];

/** Errors after which a CUDA context is of no use: ECC, lost device, illegal access, time-out, assertion, launch. */
const STICKY_CUDA_CODES = new Set([214, 220, 700, 702, 710, 713, 714, 715, 716, 717, 718, 719, 721, 999]);

/** Reads the message of an error, since the binding passes no code. */
export function classifyFailure(message: string): RunFailure {
  if (OUT_OF_MEMORY.some((pattern) => pattern.test(message))) return 'out_of_memory';
  const code = Number(/CUDA failure (\d+):/.exec(message)?.[1]);
  return STICKY_CUDA_CODES.has(code) ? 'device_lost' : 'model';
}
