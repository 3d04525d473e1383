// Original file: protos/inference/grpc_service.proto


export interface RepositoryIndexRequest {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name'?: (string);
  /**
   * Only versions that are ready.
   */
  'ready'?: (boolean);
}

export interface RepositoryIndexRequest__Output {
  /**
   * Must be empty: there is one repository.
   */
  'repository_name': (string);
  /**
   * Only versions that are ready.
   */
  'ready': (boolean);
}
