// Original file: protos/inference/grpc_service.proto

import type { ModelRepositoryParameter as _inference_ModelRepositoryParameter, ModelRepositoryParameter__Output as _inference_ModelRepositoryParameter__Output } from '../inference/ModelRepositoryParameter.ts';

export interface RepositoryModelLoadRequest {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name'?: (string);
  'model_name'?: (string);
  /**
   * `config` (string_param): JSON that may hold `version_policy` and nothing else. By default the versions of
   * the routing table are loaded, and of a model that it does not name, the latest one.
   */
  'parameters'?: ({[key: string]: _inference_ModelRepositoryParameter});
}

export interface RepositoryModelLoadRequest__Output {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name': (string);
  'model_name': (string);
  /**
   * `config` (string_param): JSON that may hold `version_policy` and nothing else. By default the versions of
   * the routing table are loaded, and of a model that it does not name, the latest one.
   */
  'parameters': ({[key: string]: _inference_ModelRepositoryParameter__Output});
}
