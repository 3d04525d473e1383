import { describe, expect, it } from 'vitest';
import { classifyFailure } from './failure.ts';

const RUN = "Non-zero status code returned while running Conv node. Name:'Conv_111' Status Message: ";
const CALL = 'core/providers/cuda/cuda_call.cc:121 onnxruntime::CudaCall ';

describe('classifyFailure', () => {
  it.each([
    `${RUN}bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested buffer of size 13111296`,
    `${RUN}onnxruntime::BFCArena::AllocateRawInternal Available memory of 0 is smaller than requested bytes of 4096`,
    `${CALL}CUDA failure 2: out of memory ; GPU=0 ; hostname=node ; expr=cudaMalloc((void**)&p, size);`,
    `${RUN}${CALL}CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; expr=cublasCreate(&cublas_handle_);`,
    `${RUN}CUDNN failure 4: CUDNN_STATUS_ALLOC_FAILED ; GPU=1 ; expr=cudnnCreate(&handle)`,
    `${RUN}CUDNN failure 5003: CUDNN_STATUS_EXECUTION_FAILED_DEVICE_ALLOCATION_FAILED`,
    'CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED',
    'CUDA error cudaErrorMemoryAllocation:out of memory',
    `${RUN}std::bad_alloc`,
    'bad allocation',
  ])('takes for out of memory: %s', (message) => {
    expect(classifyFailure(message)).toBe('out_of_memory');
  });

  it.each([
    `${CALL}CUDA failure 700: an illegal memory access was encountered ; GPU=0 ; hostname=node`,
    `${CALL}CUDA failure 719: unspecified launch failure ; GPU=0`,
    `${CALL}CUDA failure 214: uncorrectable ECC error encountered ; GPU=0`,
  ])('takes for a lost device: %s', (message) => {
    expect(classifyFailure(message)).toBe('device_lost');
  });

  it.each([
    'Got invalid dimensions for input: image for the following indices index: 1 Got: 3 Expected: 224',
    `${CALL}CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version`,
    `${CALL}CUDA failure 222: the provided PTX was compiled with an unsupported toolchain.`,
    `${RUN}indices element out of data bounds, idx=9 must be within the inclusive range [-2,1]`,
    'an output has the shape [1] for 2 items',
    '',
  ])('leaves the engine alone after: %s', (message) => {
    expect(classifyFailure(message)).toBe('model');
  });
});
