import type { Reason } from '@headgate/contracts/errors';
import { HEADER } from '@headgate/contracts/names';
import { expect } from 'vitest';
import type { Answer, Client, Headers } from './http.ts';
import { multipart } from './multipart.ts';
import type { Photo } from './photos.ts';

export interface ScoredLabel {
  readonly label: string;
  readonly class_id: number;
  readonly score: number;
}

interface Item {
  readonly index: number;
  readonly filename: string | null;
  readonly top?: readonly ScoredLabel[];
  readonly error?: { readonly reason: Reason; readonly detail: string };
}

/** Body of a 200 answer to a predict request. */
export interface PredictBody {
  readonly id: string;
  readonly model: string;
  readonly version: string;
  readonly variant: string | null;
  readonly predictions: readonly Item[];
  readonly timing_ms: Readonly<Record<'total' | 'upstream' | 'queue' | 'decode' | 'run', number>>;
}

export interface PredictOptions {
  readonly key: string;
  /** Path below the origin. */
  readonly path?: string;
  readonly unit?: string;
  readonly headers?: Headers;
}

/** Posts one photo as a raw body. */
export function postPhoto(client: Client, photo: Photo, options: PredictOptions): Promise<Answer> {
  return client.send({
    path: options.path ?? '/predict',
    headers: { 'content-type': photo.type, ...identity(options) },
    body: photo.bytes,
  });
}

/** Posts several photos in one multipart body, all in the field `image`. */
export function postPhotos(
  client: Client,
  photos: readonly Photo[],
  options: PredictOptions,
): Promise<Answer> {
  const parts = photos.map(({ name, type, bytes }) => ({ name: 'image', filename: name, type, data: bytes }));
  const { contentType, body } = multipart(parts);
  return client.send({
    path: options.path ?? '/predict',
    headers: { 'content-type': contentType, ...identity(options) },
    body,
  });
}

function identity({ key, unit, headers }: PredictOptions): Headers {
  return { [HEADER.apiKey]: key, ...(unit ? { [HEADER.unit]: unit } : {}), ...headers };
}

/** Body of an answer; expects 200. */
export function expectPrediction(answer: Answer): PredictBody {
  expect(answer.status, answer.text).toBe(200);
  return JSON.parse(answer.text) as PredictBody;
}

/** Best label of the only image of an answer; expects 200. */
export function expectTop(answer: Answer): ScoredLabel {
  const top = expectPrediction(answer).predictions[0]?.top?.[0];
  expect(top, answer.text).toBeDefined();
  return top as ScoredLabel;
}
