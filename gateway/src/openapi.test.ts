import { REASONS } from '@headgate/contracts/errors';
import { describe, expect, it } from 'vitest';
import { openApiDocument } from './openapi.ts';
import { DOCS_PATHS } from './routes/docs/docs.ts';
import { docsPage } from './routes/docs/page.ts';
import { modelsAnswerSchema } from './routes/models/schema.ts';
import { predictAnswerSchema } from './routes/predict/schema.ts';
import { CONFIG, fixture } from './testing/app-fixture.ts';
import { pngHeader } from './testing/images.ts';

/** What the document says of one operation, as far as it matters here. */
interface Operation {
  readonly operationId: string;
  readonly responses: Record<string, { headers: object; content: Record<string, { schema: unknown }> }>;
}

const document = openApiDocument();
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
    const undescribed = Object.keys(REASONS).filter((reason) => !text.includes(`${reason}: `));
    expect(undescribed.toSorted()).toEqual(elsewhere.toSorted());
  });

  it('tells of quotas in every answer, and when to come back where that helps', () => {
    for (const { responses } of operations) {
      for (const [status, { headers }] of Object.entries(responses)) {
        const comeBack = status === '429' || status === '503' ? ['Retry-After'] : [];
        const expected = ['RateLimit', 'RateLimit-Policy', ...comeBack];
        expect(Object.keys(headers)).toEqual(expect.arrayContaining(expected));
      }
    }
    expect(Object.keys(document.components?.headers ?? {})).toHaveLength(3);
  });

  it('answers every refusal as a problem', () => {
    for (const [path, methods] of Object.entries(paths)) {
      const type = path.startsWith('/v2') ? 'application/json' : 'application/problem+json';
      for (const { responses } of Object.values(methods)) {
        const { 200: ok, 202: accepted, ...refusals } = responses;
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
});

describe('the documentation page', () => {
  it('shows every operation, and runs and loads nothing', () => {
    const page = docsPage();
    for (const path of Object.keys(paths)) expect(page).toContain(path);
    expect(page).not.toMatch(/<script|src=|https?:|javascript:|\son\w+=/i);
  });
});
