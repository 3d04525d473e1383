import { REASONS } from '@headgate/contracts/errors';
import { DAY_MS } from '@headgate/runtime/clock';
import { idAt } from '@headgate/stores/testing/records';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openApiDocument } from './openapi.ts';
import type { CodeSample } from './openapi-samples.ts';
import { DOCS_PATHS } from './routes/docs/docs.ts';
import { modelsAnswerSchema } from './routes/models/schema.ts';
import { predictAnswerSchema } from './routes/predict/schema.ts';
import type { Recorder } from './store/recorder.ts';
import { CONFIG, fixture } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

interface Body {
  readonly schema: object;
  readonly example?: unknown;
  readonly examples?: Record<string, { value: unknown }>;
}
interface Answer {
  readonly $ref?: string;
  readonly headers: object;
  readonly content: Record<string, Body>;
}
/** What the document says of one operation, as far as it matters here. */
interface Operation {
  readonly operationId: string;
  readonly requestBody?: { readonly content: Record<string, Body> };
  readonly responses: Record<string, Answer>;
  readonly 'x-codeSamples': readonly CodeSample[];
}

const KEEPS_ALL: Recorder = {
  wantsSketches: false,
  prediction: () => undefined,
  shadow: () => undefined,
  outcome: async () => undefined,
  retentionMs: DAY_MS,
};

const document = openApiDocument();
const components = document.components as {
  readonly schemas: object;
  readonly responses: Record<string, Answer>;
  readonly headers: object;
};
/** The answers of an operation, each with what it refers to. */
const answersOf = ({ responses }: Operation) =>
  Object.entries(responses).map(([status, answer]) => {
    const { $ref = '' } = answer;
    return [status, components.responses[$ref.split('/').at(-1) ?? ''] ?? answer] as const;
  });
/** A checker of what the document alone says. */
const checkerOf = (schema: object) =>
  z.fromJSONSchema(
    JSON.parse(
      JSON.stringify({ ...schema, $defs: components.schemas }).replaceAll(
        '#/components/schemas/',
        '#/$defs/',
      ),
    ),
  );
const paths = document.paths as Record<string, Record<string, Operation>>;
const operations = Object.values(paths).flatMap((methods) => Object.values(methods));

describe('the OpenAPI document', () => {
  it('describes the routes of the app: all of them, and no other', async () => {
    const { app } = await fixture({ config: { ...CONFIG, docs_public: true } });
    const served = app.routes
      .filter(({ method, path }) => method !== 'ALL' && !DOCS_PATHS.includes(path))
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`);
    const described = Object.entries(paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.toSorted()).toEqual([...new Set(served)].toSorted());
  });

  it('demands a credential everywhere', () => {
    expect(document.security).toEqual([{ apiKey: [] }, { bearerToken: [] }]);
    expect(operations.filter((operation) => 'security' in operation)).toEqual([]);
  });

  it('names each operation once, and every reason for which it can be refused', () => {
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    const text = JSON.stringify(document);
    // Not of one operation: addresses and methods that do not exist, preflight requests, and answers that nobody receives.
    const elsewhere = ['not_found', 'method_not_allowed', 'origin_not_allowed', 'cancelled'];
    const undescribed = Object.keys(REASONS).filter((reason) => !text.includes(`\`${reason}\`: `));
    expect(undescribed.toSorted()).toEqual(elsewhere.toSorted());
  });

  it('tells of quotas in every answer, and when to come back where that helps', () => {
    for (const operation of operations) {
      for (const [status, { headers }] of answersOf(operation)) {
        const comeBack = status === '429' || status === '503' ? ['Retry-After'] : [];
        const expected = ['RateLimit', 'RateLimit-Policy', ...comeBack];
        expect(Object.keys(headers)).toEqual(expect.arrayContaining(expected));
      }
    }
    expect(Object.keys(components.headers)).toHaveLength(3);
  });

  it('answers every refusal as a problem', () => {
    for (const [path, methods] of Object.entries(paths)) {
      const type = path.startsWith('/v2') ? 'application/json' : 'application/problem+json';
      for (const operation of Object.values(methods)) {
        const { 200: ok, 202: accepted, ...refusals } = Object.fromEntries(answersOf(operation));
        expect(Object.keys((ok ?? accepted)?.content ?? {})).toContain('application/json');
        for (const [status, { content }] of Object.entries(refusals)) {
          // Before Envoy knows the path of a request it cannot word the refusal as the path asks for.
          const early = status === '400' || status === '431' ? ['application/problem+json'] : [];
          expect(Object.keys(content)).toEqual([...new Set([...early, type])]);
        }
      }
    }
  });

  it('is true: answers are what their schemas say, and nothing beyond', async () => {
    const { send } = await fixture();
    const form = new FormData();
    for (const image of [pngHeader(1, 1), 'no image']) form.append('image', new Blob([image]), 'a.png');
    const predicted = await (await send('/predict', { method: 'POST', body: form })).json();
    expect(predictAnswerSchema.parse(predicted)).toEqual(predicted);
    const listed = await (await send('/v1/models')).json();
    expect(modelsAnswerSchema.parse(listed)).toEqual(listed);
  });

  it('shows every body with examples that its schema allows', () => {
    for (const operation of operations) {
      const bodies = [operation.requestBody, ...answersOf(operation).map(([, answer]) => answer)];
      for (const [type, body] of bodies.flatMap((each) => Object.entries(each?.content ?? {}))) {
        const values = Object.values(body.examples ?? {}).map(({ value }) => value);
        const examples = 'example' in body ? [body.example, ...values] : values;
        expect(examples, `${operation.operationId}: ${type}`).not.toEqual([]);
        for (const example of examples) checkerOf(body.schema).parse(example);
      }
    }
  });

  it('has code for every operation, in each language', () => {
    for (const { 'x-codeSamples': samples, operationId } of operations) {
      expect(
        samples.map(({ label }) => label),
        operationId,
      ).toEqual(expect.arrayContaining(['curl', 'Python', 'Node']));
    }
  });

  it.each(['label', 'reward'])('has feedback that is accepted: %s', async (name) => {
    const { send } = await fixture({ recorder: KEEPS_ALL });
    const body = paths['/v1/feedback']?.post?.requestBody?.content['application/json']?.examples?.[name];
    const answer = await send('/v1/feedback', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ ...(body?.value as object), prediction_id: idAt(Date.now()) }),
    });
    expect(answer.status).toBe(202);
  });
});
