import { type ProblemBody, REASONS, type Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import type { Answer } from '@headgate/testkit/http';
import { expect } from 'vitest';

/** What an answer must never show: stacks, paths, names of libraries, their wording. */
const INSIDES =
  /\n\s+at |node_modules|\.[cm]?[jt]s\b|[a-z]\/src\/|\/(home|root|tmp|usr|var)\/|\b(sharp|vips|libjpeg|turbo|onnx|zod|grpc|hono|pino|undici|multipart-parser|ECONN\w+|ENOENT|TypeError|RangeError|SyntaxError)\b/i;

/** Checks a whole problem body (RFC 9457) and answers it. */
export function expectProblem(answer: Answer, reason: Reason): ProblemBody {
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  return expectBody(answer, JSON.parse(answer.text), reason);
}

/** The same for an answer under /v2, whose body clients of the Open Inference Protocol can read too. */
export function expectOpenInferenceProblem(answer: Answer, reason: Reason): ProblemBody {
  expect(answer.headers['content-type']).toBe('application/json');
  const { error, ...problem } = JSON.parse(answer.text);
  expect(error).toBe(problem.detail);
  return expectBody(answer, problem, reason);
}

function expectBody(answer: Answer, problem: ProblemBody, reason: Reason): ProblemBody {
  expect(answer.status, answer.text).toBe(REASONS[reason].http);
  expect(problem).toEqual({
    type: `urn:headgate:problem:${reason}`,
    title: REASONS[reason].title,
    status: REASONS[reason].http,
    detail: expect.stringMatching(/^\S.*\.$/s),
    reason,
    request_id: expect.stringMatching(/^\S+$/),
  });
  expect(problem.request_id).toBe(answer.headers[HEADER.requestId]);
  expect(answer.text).not.toMatch(INSIDES);
  return problem;
}
