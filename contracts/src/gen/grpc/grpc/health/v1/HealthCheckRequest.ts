// Original file: protos/grpc/health/v1/health.proto


export interface HealthCheckRequest {
  /**
   * Name of the watched service; empty for the whole server.
   */
  'service'?: (string);
}

export interface HealthCheckRequest__Output {
  /**
   * Name of the watched service; empty for the whole server.
   */
  'service': (string);
}
