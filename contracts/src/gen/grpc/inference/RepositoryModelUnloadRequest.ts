// Original file: protos/inference/grpc_service.proto

import type { ModelRepositoryParameter as _inference_ModelRepositoryParameter, ModelRepositoryParameter__Output as _inference_ModelRepositoryParameter__Output } from '../inference/ModelRepositoryParameter.ts';

export interface RepositoryModelUnloadRequest {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name'?: (string);
  'model_name'?: (string);
  /**
   * `unload_dependents` is accepted and without effect: no model depends on another.
   */
  'parameters'?: ({[key: string]: _inference_ModelRepositoryParameter});
}

export interface RepositoryModelUnloadRequest__Output {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name': (string);
  'model_name': (string);
  /**
   * `unload_dependents` is accepted and without effect: no model depends on another.
   */
  'parameters': ({[key: string]: _inference_ModelRepositoryParameter__Output});
}
