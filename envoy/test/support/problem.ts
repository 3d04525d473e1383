import { type ProblemBody, REASONS, type Reason } from '@headgate/contracts/errors';
import { PROTECTIVE_HEADERS } from '@headgate/contracts/names';
import { expect } from 'vitest';
import type { Answer } from './client.ts';

/** Asserts that an answer is the problem body of `reason`, with its status, its headers and a request id that the header has too. */
export function expectProblem(answer: Answer, reason: Reason): void {
  expect(answer.status).toBe(REASONS[reason].http);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(answer.headers).toMatchObject(PROTECTIVE_HEADERS);
  const body = JSON.parse(answer.body) as ProblemBody;
  expect(body).toEqual({
    type: `urn:headgate:problem:${reason}`,
    title: REASONS[reason].title,
    status: REASONS[reason].http,
    detail: expect.stringMatching(/^[A-Z].*\.$/),
    reason,
    request_id: answer.headers['x-request-id'],
  });
  expect(body.request_id).toMatch(/^[A-Za-z0-9-]{8,64}$/);
  expect(answer.headers['retry-after']).toBe(REASONS[reason].http === 503 ? '1' : undefined);
}
