// Original file: protos/inference/grpc_service.proto


export interface ModelReadyRequest {
  /**
   * Model name as in the model repository.
   */
  'name'?: (string);
  /**
   * Version as in the model repository; empty asks about the control version of the routing table.
   */
  'version'?: (string);
}

export interface ModelReadyRequest__Output {
  /**
   * Model name as in the model repository.
   */
  'name': (string);
  /**
   * Version as in the model repository; empty asks about the control version of the routing table.
   */
  'version': (string);
}
