/**
 * The closed set of reasons for which Headgate refuses or fails a request, and the one place where a reason
 * is mapped to an HTTP status and to a gRPC status code. Web-standard only: this module runs on any fetch host.
 *
 * Who is at fault decides the number (decision 0005): 429 is the caller's quota, 503 is our overload, 504 is a
 * deadline that passed. 429 never comes from inference.
 */

/** Status codes of gRPC by number, so that this module needs no gRPC library. */
export const GRPC_CODE = {
  CANCELLED: 1,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  UNAUTHENTICATED: 16,
} as const;

type GrpcCode = (typeof GRPC_CODE)[keyof typeof GRPC_CODE];

interface ReasonRow {
  /** HTTP status of the answer. */
  readonly http: number;
  /** gRPC status code of the answer. */
  readonly grpc: GrpcCode;
  /** Title of the problem body (RFC 9457): the same for every occurrence of the reason. */
  readonly title: string;
  /** True when the same request may succeed if it is sent again. */
  readonly retryable: boolean;
}

const row = (http: number, grpc: GrpcCode, title: string, retryable = false): ReasonRow => ({
  http,
  grpc,
  title,
  retryable,
});

/** Reason → how it is answered. The order is from the most general to the most specific within a status. */
export const REASONS = {
  invalid_request: row(400, GRPC_CODE.INVALID_ARGUMENT, 'The request is not valid'),
  empty_body: row(400, GRPC_CODE.INVALID_ARGUMENT, 'The body is empty'),
  malformed_multipart: row(400, GRPC_CODE.INVALID_ARGUMENT, 'The multipart body is malformed'),
  too_many_images: row(400, GRPC_CODE.INVALID_ARGUMENT, 'Too many images in one request'),
  invalid_tensor: row(400, GRPC_CODE.INVALID_ARGUMENT, 'A tensor contradicts the model'),
  missing_credential: row(401, GRPC_CODE.UNAUTHENTICATED, 'A credential is required'),
  invalid_token: row(401, GRPC_CODE.UNAUTHENTICATED, 'The bearer token is not valid'),
  wrong_key: row(403, GRPC_CODE.PERMISSION_DENIED, 'The API key is not accepted'),
  scope_missing: row(403, GRPC_CODE.PERMISSION_DENIED, 'The credential does not allow this'),
  origin_not_allowed: row(403, GRPC_CODE.PERMISSION_DENIED, 'The origin is not allowed'),
  not_found: row(404, GRPC_CODE.NOT_FOUND, 'There is nothing at this address'),
  unknown_model: row(404, GRPC_CODE.NOT_FOUND, 'The model is not served here'),
  unknown_version: row(404, GRPC_CODE.NOT_FOUND, 'The model version is not served here'),
  method_not_allowed: row(405, GRPC_CODE.UNIMPLEMENTED, 'The method is not allowed here'),
  model_control_off: row(409, GRPC_CODE.FAILED_PRECONDITION, 'Models are not loaded by request here'),
  load_failed: row(409, GRPC_CODE.FAILED_PRECONDITION, 'The model could not be loaded'),
  upload_timeout: row(408, GRPC_CODE.DEADLINE_EXCEEDED, 'The upload was too slow', true),
  body_too_large: row(413, GRPC_CODE.INVALID_ARGUMENT, 'The body is too large'),
  image_too_large: row(413, GRPC_CODE.INVALID_ARGUMENT, 'The image is too large'),
  unsupported_media_type: row(415, GRPC_CODE.INVALID_ARGUMENT, 'The media type is not supported'),
  undecodable_image: row(422, GRPC_CODE.INVALID_ARGUMENT, 'The image cannot be decoded'),
  http_version: row(426, GRPC_CODE.INVALID_ARGUMENT, 'A newer version of HTTP is needed'),
  rate_limited: row(429, GRPC_CODE.RESOURCE_EXHAUSTED, 'The quota is used up', true),
  headers_too_large: row(431, GRPC_CODE.INVALID_ARGUMENT, 'The request headers are too large'),
  cancelled: row(499, GRPC_CODE.CANCELLED, 'The client went away'),
  internal: row(500, GRPC_CODE.INTERNAL, 'Something went wrong on our side'),
  overloaded: row(503, GRPC_CODE.RESOURCE_EXHAUSTED, 'The service is overloaded', true),
  unavailable: row(503, GRPC_CODE.UNAVAILABLE, 'The model is not available right now', true),
  records_unavailable: row(503, GRPC_CODE.UNAVAILABLE, 'Records cannot be kept right now', true),
  deadline_exceeded: row(504, GRPC_CODE.DEADLINE_EXCEEDED, 'The deadline passed', true),
} as const satisfies Record<string, ReasonRow>;

export type Reason = keyof typeof REASONS;

export function isReason(value: unknown): value is Reason {
  return typeof value === 'string' && Object.hasOwn(REASONS, value);
}

export interface HeadgateErrorOptions {
  /** What lies behind it. Goes to logs only, never into an answer. */
  readonly cause?: unknown;
  /** When the caller may try again, in ms from now. */
  readonly retryAfterMs?: number;
}

/** The only error class that crosses a module boundary on purpose. `detail` is shown to the caller. */
export class HeadgateError extends Error {
  override readonly name = 'HeadgateError';
  readonly reason: Reason;
  readonly detail: string;
  readonly retryAfterMs: number | undefined;

  /**
   * @param reason one of the closed set above
   * @param detail a sentence for the caller: what is wrong and what to do. No paths, no library messages.
   */
  constructor(reason: Reason, detail: string, options: HeadgateErrorOptions = {}) {
    super(`${reason}: ${detail}`, { cause: options.cause });
    this.reason = reason;
    this.detail = detail;
    this.retryAfterMs = options.retryAfterMs;
  }

  get httpStatus(): number {
    return REASONS[this.reason].http;
  }

  get grpcCode(): number {
    return REASONS[this.reason].grpc;
  }
}

/** Anything thrown becomes a HeadgateError; what is not one already is `internal`, with its message kept from callers. */
export function toHeadgateError(thrown: unknown): HeadgateError {
  if (thrown instanceof HeadgateError) return thrown;
  return new HeadgateError('internal', 'The request failed. Please send the request id to the operator.', {
    cause: thrown,
  });
}

/**
 * The reason behind a gRPC status that came without our own `headgate-reason` trailer
 * (a proxy, a dead pod, another server).
 */
export function reasonOfGrpcCode(code: number): Reason {
  switch (code) {
    case GRPC_CODE.CANCELLED:
      return 'cancelled';
    case GRPC_CODE.INVALID_ARGUMENT:
      return 'invalid_request';
    case GRPC_CODE.DEADLINE_EXCEEDED:
      return 'deadline_exceeded';
    case GRPC_CODE.NOT_FOUND:
      return 'unknown_model';
    case GRPC_CODE.RESOURCE_EXHAUSTED:
      return 'overloaded';
    case GRPC_CODE.FAILED_PRECONDITION:
    case GRPC_CODE.UNAVAILABLE:
      return 'unavailable';
    default:
      return 'internal';
  }
}

/**
 * The most severe of several reasons: the one that answers a request whose images all failed. Our own failure
 * (5xx) outranks the caller's (4xx); within a class the higher status wins.
 *
 * @throws RangeError when `reasons` is empty
 */
export function mostSevere(reasons: readonly Reason[]): Reason {
  const [first, ...rest] = reasons;
  if (first === undefined) throw new RangeError('mostSevere needs at least one reason');
  return rest.reduce((worst, next) => (REASONS[next].http > REASONS[worst].http ? next : worst), first);
}

/** RFC 9457 problem body. `reason` is the machine-readable member that clients should switch on. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly reason: Reason;
  readonly request_id: string;
}

/** The problem body of an error; `requestId` is the value of the X-Request-Id header. */
export function problemBody(error: HeadgateError, requestId: string): ProblemBody {
  return {
    type: `urn:headgate:problem:${error.reason}`,
    title: REASONS[error.reason].title,
    status: error.httpStatus,
    detail: error.detail,
    reason: error.reason,
    request_id: requestId,
  };
}
