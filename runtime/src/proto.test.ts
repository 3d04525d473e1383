import { INFERENCE_SERVICE } from '@headgate/contracts/names';
import { describe, expect, it } from 'vitest';
import { inferencePackageDefinition, loadHealth, loadInference } from './proto.ts';

/** A message type as descriptor: field name → number. */
function fieldsOf(message: string): Record<string, number> {
  const definition = inferencePackageDefinition()[`inference.${message}`] as unknown as {
    type: { field: { name: string; number: number }[] };
  };
  return Object.fromEntries(definition.type.field.map(({ name, number }) => [name, number]));
}

describe('the gRPC contract', () => {
  it('has the paths of the Open Inference Protocol and of grpc.health.v1', () => {
    const paths = Object.values(loadInference().GRPCInferenceService.service).map(({ path }) => path);
    expect(paths.sort()).toEqual(
      [
        'ModelConfig',
        'ModelInfer',
        'ModelMetadata',
        'ModelReady',
        'ModelStatistics',
        'ModelStreamInfer',
        'RepositoryIndex',
        'RepositoryModelLoad',
        'RepositoryModelUnload',
        'ServerLive',
        'ServerMetadata',
        'ServerReady',
      ].map((method) => `/${INFERENCE_SERVICE}/${method}`),
    );
    expect(loadHealth().Health.service.Check.path).toBe('/grpc.health.v1.Health/Check');
    expect(loadHealth().Health.service.Watch.responseStream).toBe(true);
  });

  it('has the published field numbers', () => {
    expect(fieldsOf('ModelInferRequest')).toEqual({
      model_name: 1,
      model_version: 2,
      id: 3,
      parameters: 4,
      inputs: 5,
      outputs: 6,
      raw_input_contents: 7,
    });
    expect(fieldsOf('ModelInferResponse')).toEqual({
      model_name: 1,
      model_version: 2,
      id: 3,
      parameters: 4,
      outputs: 5,
      raw_output_contents: 6,
    });
    expect(fieldsOf('InferTensorContents')).toMatchObject({
      bool_contents: 1,
      fp32_contents: 6,
      bytes_contents: 8,
    });
  });

  it('carries raw bytes unchanged', () => {
    const { requestSerialize, requestDeserialize } = loadInference().GRPCInferenceService.service.ModelInfer;
    const bytes = Buffer.from([0, 255, 10, 13]);
    const request = requestDeserialize(requestSerialize({ model_name: 'm', raw_input_contents: [bytes] }));
    expect(request.raw_input_contents).toEqual([bytes]);
    expect(request).toMatchObject({ model_name: 'm', model_version: '' });
  });
});
