// Original file: protos/inference/grpc_service.proto


export interface ModelMetadataRequest {
  'name'?: (string);
  /**
   * Empty: the control version.
   */
  'version'?: (string);
}

export interface ModelMetadataRequest__Output {
  'name': (string);
  /**
   * Empty: the control version.
   */
  'version': (string);
}
